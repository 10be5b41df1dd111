import { Anchor, Badge, Skeleton } from '@mantine/core';
import { IconHeartbeat } from '@tabler/icons-react';
import { type SubjectAssignment, subjectAssignmentsList } from '@valtronics/contract';
import { Link } from 'react-router';
import { useEndpointPages } from '../../api/use-endpoint.ts';
import { MoreButton } from '../../ui/more-button.tsx';
import { Panel } from '../../ui/page.tsx';
import { paths } from '../../ui/paths.ts';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { dayAndMinute, duration, zoneName } from '../../ui/time/format-time.ts';
import { spanIn, stateAt } from './assignment-span.ts';
import classes from './subject.module.css';

/** Which devices measured the person, latest first; the bars share one time axis, from the first of them to now. */
export function AssignmentHistory({ subjectId, enabled }: { subjectId: string; enabled: boolean }) {
  const list = useEndpointPages(
    subjectAssignmentsList,
    { params: { id: subjectId }, query: { limit: 50 } },
    { enabled },
  );
  if (list.error && list.rows.length === 0) return <ErrorState problem={list.error} onRetry={list.refetch} />;
  if (list.isPending) return <Skeleton height={160} />;
  if (list.rows.length === 0)
    return (
      <EmptyState
        icon={<IconHeartbeat size={20} />}
        title="No device has measured this person"
        hint="Open a device and assign it: from then on its measurements are this person’s, and it stands here."
      />
    );
  const now = Date.now();
  return (
    <Panel title="Measured by" aside={<span className="dim">times in {zoneName()}</span>} flush>
      <ul className={classes.list} aria-label="Assignments over time">
        {list.rows.map((row) => (
          <Row key={row.id} assignment={row} all={list.rows} now={now} />
        ))}
      </ul>
      <MoreButton of={list} />
    </Panel>
  );
}

function Row({
  assignment,
  all,
  now,
}: {
  assignment: SubjectAssignment;
  all: readonly SubjectAssignment[];
  now: number;
}) {
  const { device, from, until } = assignment;
  const state = stateAt(assignment, now);
  const { left, width } = spanIn(all, assignment, now);
  const seconds = ((until ? Date.parse(until) : Math.max(now, Date.parse(from))) - Date.parse(from)) / 1000;
  return (
    <li>
      <span>
        <Anchor component={Link} to={paths.device(device.id)} size="sm">
          {device.name}
        </Anchor>{' '}
        {state === 'past' ? null : (
          <Badge variant="light" color={state === 'now' ? 'teal' : 'gray'}>
            {state === 'now' ? 'Now' : 'Planned'}
          </Badge>
        )}
      </span>
      <span className={classes.track} aria-hidden>
        <span
          className={classes.span}
          data-now={state === 'now' || undefined}
          style={{ left: `${left}%`, width: `${width}%` }}
        />
      </span>
      <span className={classes.times}>
        <time dateTime={from}>{dayAndMinute(from)}</time> to{' '}
        {until ? <time dateTime={until}>{dayAndMinute(until)}</time> : state === 'planned' ? 'open' : 'now'}
        {state === 'planned' && !until ? null : ` · ${duration(seconds)}`}
      </span>
    </li>
  );
}
