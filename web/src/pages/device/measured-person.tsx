import { Button } from '@mantine/core';
import { type Device, type DeviceAssignment, deviceAssign, deviceAssignmentsList } from '@valtronics/contract';
import { useState } from 'react';
import { useMay, useRefusal } from '../../api/session.ts';
import { useEndpoint } from '../../api/use-endpoint.ts';
import { GuardedButton } from '../../ui/guarded.tsx';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { stateAt } from '../subject/assignment-span.ts';
import { SubjectLink } from '../subjects/subject-label.tsx';
import { AssignDialog } from './assign-dialog.tsx';
import classes from './device.module.css';
import { EndAssignmentDialog } from './end-assignment-dialog.tsx';

/** Whom the device measures now, and the ways to change that. */
export function MeasuredPerson({ device }: { device: Device }) {
  const { data, error, isPending, refetch } = useEndpoint(deviceAssignmentsList, {
    params: { id: device.id },
    query: { limit: 20 },
  });
  const refusal = useRefusal(deviceAssign);
  const mayChange = useMay('device:write');
  const [dialog, setDialog] = useState<'assign' | 'end' | null>(null);
  const now = Date.now();
  const current = data?.items.find((assignment) => stateAt(assignment, now) === 'now');
  return (
    <section className={classes.measures} aria-label="Person measured">
      <span className="dim">Measures</span>
      <span className={classes.grow}>
        {error && !data ? (
          <>
            {error.title}.{' '}
            <Button size="compact-xs" variant="default" onClick={() => void refetch()}>
              Try again
            </Button>
          </>
        ) : isPending ? (
          '…'
        ) : (
          <Words current={current} items={data.items} now={now} />
        )}
      </span>
      {current && mayChange ? (
        <Button size="compact-xs" variant="default" onClick={() => setDialog('end')}>
          End…
        </Button>
      ) : null}
      <GuardedButton size="compact-xs" variant="default" refusal={refusal} onClick={() => setDialog('assign')}>
        Assign…
      </GuardedButton>
      {dialog === 'assign' ? <AssignDialog device={device} current={current} onClose={() => setDialog(null)} /> : null}
      {dialog === 'end' && current ? (
        <EndAssignmentDialog device={device} assignment={current} onClose={() => setDialog(null)} />
      ) : null}
    </section>
  );
}

function Words({
  current,
  items,
  now,
}: {
  current: DeviceAssignment | undefined;
  items: readonly DeviceAssignment[];
  now: number;
}) {
  const last = items.find((assignment) => stateAt(assignment, now) === 'past');
  if (current)
    return (
      <>
        <SubjectLink subject={current.subject} />, <span className="dim">assigned</span>{' '}
        <RelativeTime at={current.from} />
        {current.until ? (
          <>
            , <span className="dim">ends</span> <RelativeTime at={current.until} />
          </>
        ) : null}
      </>
    );
  if (!last) return 'nobody';
  return (
    <>
      nobody now; <span className="dim">last</span> <SubjectLink subject={last.subject} />,{' '}
      <span className="dim">ended</span> <RelativeTime at={last.until} />
    </>
  );
}
