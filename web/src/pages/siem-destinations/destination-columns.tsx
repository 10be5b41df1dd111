import { ActionIcon, Anchor, Menu, UnstyledButton } from '@mantine/core';
import { IconDots } from '@tabler/icons-react';
import { Link } from 'react-router';
import { countText } from '../../ui/format-value.ts';
import { paths } from '../../ui/paths.ts';
import type { Column } from '../../ui/table/data-table.tsx';
import { exactTime } from '../../ui/time/format-time.ts';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { DeliveryState } from './delivery-state.tsx';
import classes from './siem-destinations.module.css';
import { type Destination, formatWords, kindWords, lagText } from './siem-words.ts';

export const actions = ['edit', 'test', 'backfill', 'renew', 'turn', 'delete'] as const;
export type DestinationAction = (typeof actions)[number];
type OnAct = (action: DestinationAction, destination: Destination) => void;

export const destinationColumns = (onAct: OnAct): readonly Column<Destination>[] => [
  {
    key: 'name',
    header: 'Destination',
    width: 'minmax(130px, 1.3fr)',
    cell: (destination) => (
      <UnstyledButton className={classes.name} data-row-link onClick={() => onAct('edit', destination)}>
        <span className="truncate">{destination.name}</span>
        <span className="truncate">
          {kindWords[destination.kind]}, {formatWords[destination.format]}
        </span>
      </UnstyledButton>
    ),
  },
  {
    key: 'target',
    header: 'To',
    width: 'minmax(140px, 1.5fr)',
    from: 760,
    cell: ({ target }) => (
      <span className="mono" title={target}>
        {target}
      </span>
    ),
  },
  { key: 'state', header: 'State', width: '108px', cell: ({ delivery }) => <DeliveryState state={delivery.state} /> },
  {
    key: 'lag',
    header: 'Behind',
    width: '132px',
    from: 520,
    cell: ({ delivery }) =>
      delivery.eventsBehind > 0 && delivery.behindSince !== null ? (
        <Anchor
          component={Link}
          to={paths.securityEventsOf({ from: delivery.behindSince })}
          className={classes.behind ?? ''}
          size="sm"
        >
          {lagText(delivery)}
        </Anchor>
      ) : (
        <span className="dim">{lagText(delivery)}</span>
      ),
  },
  {
    key: 'delivered',
    header: 'Last delivered',
    width: '104px',
    from: 900,
    cell: ({ delivery }) => <RelativeTime at={delivery.lastDeliveredAt} />,
  },
  {
    key: 'fault',
    header: 'Last fault',
    width: 'minmax(140px, 1.3fr)',
    from: 1040,
    cell: ({ delivery }) => <Fault delivery={delivery} />,
  },
  {
    key: 'actions',
    header: 'Actions',
    headerHidden: true,
    width: '32px',
    cell: (destination) => (
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon aria-label={`Actions for ${destination.name}`}>
            <IconDots size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => onAct('test', destination)}>Send a test</Menu.Item>
          <Menu.Item onClick={() => onAct('edit', destination)}>Change…</Menu.Item>
          <Menu.Item onClick={() => onAct('backfill', destination)}>Deliver again…</Menu.Item>
          {destination.kind === 'https' ? (
            <Menu.Item onClick={() => onAct('renew', destination)}>Renew the secret…</Menu.Item>
          ) : null}
          <Menu.Item onClick={() => onAct('turn', destination)}>
            {destination.enabled ? 'Turn off' : 'Turn on'}
          </Menu.Item>
          <Menu.Divider />
          <Menu.Item onClick={() => onAct('delete', destination)}>Delete…</Menu.Item>
        </Menu.Dropdown>
      </Menu>
    ),
  },
];

/** What keeps it from arriving, or what was lost for good. */
function Fault({ delivery }: Pick<Destination, 'delivery'>) {
  const { lastError, lastErrorAt, nextAttemptAt, refusedEvents, missedUntil } = delivery;
  const lost = [
    ...(refusedEvents > 0 ? [`${countText(refusedEvents)} refused for good`] : []),
    ...(missedUntil === null ? [] : [`some before ${exactTime(missedUntil, { milliseconds: false })} may be missing`]),
  ].join(', ');
  if (lastError === null) return <span className="dim">{lost === '' ? 'none' : lost}</span>;
  return (
    <span className={classes.two} title={lastError}>
      <span className="truncate">{lastError}</span>
      <span className="truncate">
        <RelativeTime at={lastErrorAt} />
        {nextAttemptAt ? (
          <>
            , again <RelativeTime at={nextAttemptAt} />
          </>
        ) : null}
        {lost === '' ? '' : `, ${lost}`}
      </span>
    </span>
  );
}
