import { Anchor, Button, Code, Drawer, Group, Stack } from '@mantine/core';
import type { SecurityEventBody } from '@valtronics/contract';
import { Link } from 'react-router';
import { useMay } from '../../api/session.ts';
import { Copyable } from '../../ui/copyable.tsx';
import { Fact, Facts } from '../../ui/facts.tsx';
import { countText } from '../../ui/format-value.ts';
import { paths } from '../../ui/paths.ts';
import { exactTime } from '../../ui/time/format-time.ts';
import { actionText, categoryWords, outcomeWords, sourceText, transportWords } from './event-words.ts';
import { LevelBadge } from './level-badge.tsx';
import classes from './security-events.module.css';

interface Props {
  event: SecurityEventBody | null;
  onClose: () => void;
  onFilter: (changes: Record<string, string>) => void;
}

/** One event with every field it has. */
export function EventDrawer({ event, onClose, onFilter }: Props) {
  return (
    <Drawer
      opened={event !== null}
      onClose={onClose}
      position="right"
      size={520}
      title={event ? `${sourceText(event)}: ${actionText(event.action).toLowerCase()}` : ''}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {event ? <Content event={event} onFilter={onFilter} /> : null}
    </Drawer>
  );
}

function Content({ event, onFilter }: { event: SecurityEventBody; onFilter: Props['onFilter'] }) {
  const mayReadDevices = useMay('device:read');
  const { user, deviceId, http, address, requestId, reason, details } = event;
  return (
    <Stack gap="md">
      <Group gap="sm">
        <LevelBadge level={event.level} />
        <span className={event.outcome === 'failure' ? classes.failure : 'dim'}>{outcomeWords[event.outcome]}</span>
      </Group>
      <Facts>
        <Fact name="When">{exactTime(event.at)}</Fact>
        <Fact name="Event">
          <span className="mono">{event.action}</span>
        </Fact>
        <Fact name="Category">{categoryWords[event.category]}</Fact>
        {event.count > 1 ? <Fact name="How many">{countText(event.count)} alike, within a second</Fact> : null}
        {reason ? (
          <Fact name="Why">
            <span className="mono">{reason}</span>
          </Fact>
        ) : null}
        <Fact name="Address">{address ? <Copyable value={address} label="Copy the address" /> : '–'}</Fact>
        {user ? (
          <Fact name="Who">
            {user.label ?? ''} <Copyable value={user.id} label="Copy the id" shorten />
          </Fact>
        ) : null}
        {deviceId ? (
          <Fact name="Device">
            {mayReadDevices ? (
              <Anchor component={Link} to={paths.device(deviceId)} size="sm">
                …{deviceId.slice(-8)}
              </Anchor>
            ) : (
              <Copyable value={deviceId} label="Copy the device id" shorten />
            )}
          </Fact>
        ) : null}
        <Fact name="Through">{transportWords[event.transport]}</Fact>
        {http ? (
          <Fact name="Request">
            <span className="mono">
              {http.method} {http.route}
            </span>
            {http.status === null ? '' : `, answered ${http.status}`}
          </Fact>
        ) : null}
        {requestId ? (
          <Fact name="Request id">
            <Copyable value={requestId} label="Copy the request id" />
          </Fact>
        ) : null}
        <Fact name="Of">{event.ofInstance ? 'the instance' : 'this organisation'}</Fact>
        <Fact name="Id">
          <Copyable value={event.id} label="Copy the event id" shorten />
        </Fact>
      </Facts>
      {Object.keys(details).length > 0 ? (
        <Code block className={classes.details} tabIndex={0}>
          {JSON.stringify(details, null, 2)}
        </Code>
      ) : null}
      <Group gap="xs">
        <Button variant="default" onClick={() => onFilter({ action: event.action })}>
          All of this event
        </Button>
        {address ? (
          <>
            <Button variant="default" onClick={() => onFilter({ address })}>
              All from this address
            </Button>
            <Button variant="default" component={Link} to={paths.blocksOf(address)}>
              Blocks of this address
            </Button>
          </>
        ) : null}
        {user ? (
          <Button variant="default" onClick={() => onFilter({ userId: user.id })}>
            All by them
          </Button>
        ) : null}
        {deviceId ? (
          <Button variant="default" onClick={() => onFilter({ deviceId })}>
            All of this device
          </Button>
        ) : null}
      </Group>
    </Stack>
  );
}
