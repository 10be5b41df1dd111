import { Skeleton } from '@mantine/core';
import { IconHistory } from '@tabler/icons-react';
import { type Device, deviceEventsList } from '@valtronics/contract';
import { useEndpointPages } from '../../api/use-endpoint.ts';
import { MoreButton } from '../../ui/more-button.tsx';
import { Panel } from '../../ui/page.tsx';
import { DeviceStatusLabel } from '../../ui/severity.tsx';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import classes from './device.module.css';

/** When it came, went, and what it said of itself. */
export function EventsTab({ device }: { device: Device }) {
  const events = useEndpointPages(
    deviceEventsList,
    { params: { id: device.id }, query: { limit: 50 } },
    { refetchInterval: 15_000 },
  );
  if (events.error && events.rows.length === 0) return <ErrorState problem={events.error} onRetry={events.refetch} />;
  if (events.isPending) return <Skeleton height={200} />;
  if (events.rows.length === 0)
    return (
      <EmptyState
        icon={<IconHistory size={20} />}
        title="Nothing has happened yet"
        hint="When the device comes online or goes away, it will stand here."
      />
    );
  return (
    <Panel flush>
      <ul className={classes.list}>
        {events.rows.map(({ at, status, reason }) => (
          <li key={at}>
            <DeviceStatusLabel status={status} />
            <span className={classes.grow}>{reason}</span>
            <RelativeTime at={at} />
          </li>
        ))}
      </ul>
      <MoreButton of={events} />
    </Panel>
  );
}
