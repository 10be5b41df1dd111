import { IconDatabaseExport } from '@tabler/icons-react';
import { backupCreate, backupDrillsList, backupsList } from '@valtronics/contract';
import { useMemo } from 'react';
import { asProblem } from '../../api/problem-error.ts';
import { useMe, useRefusal } from '../../api/session.ts';
import { useChange, useEndpoint } from '../../api/use-endpoint.ts';
import { GuardedButton } from '../../ui/guarded.tsx';
import { PageHeader } from '../../ui/page.tsx';
import { EmptyState, ErrorState, ForbiddenState } from '../../ui/states/states.tsx';
import { DataTable } from '../../ui/table/data-table.tsx';
import { sayDone, sayProblem } from '../../ui/toasts.tsx';
import { backupColumns } from './backup-columns.tsx';
import { DrillPanel, SchedulePanel, UnderWayPanel } from './backup-panels.tsx';
import classes from './backups.module.css';
import { PointInTimePanel } from './point-in-time-panel.tsx';

const pollMs = 10_000;
const pollUnderWayMs = 2_000;
const stale = ['/backups'];

export function BackupsPage() {
  const { organisation } = useMe();
  if (organisation.operatesInstance) return <Backups />;
  return (
    <ForbiddenState
      what="The list of backups"
      reason="Backups hold the rows of every organisation: they are for the one that runs this instance"
      remedy=""
    />
  );
}

function Backups() {
  const list = useEndpoint(
    backupsList,
    { query: { limit: 1000 } },
    { refetchInterval: ({ state }) => (state.data?.status.underWay ? pollUnderWayMs : pollMs) },
  );
  const drills = useEndpoint(backupDrillsList, { query: { limit: 1 } }, { refetchInterval: pollMs });
  const { data, error, isPending, refetch } = list;
  const status = data?.status;
  const rows = useMemo(() => data?.items.map((backup) => ({ ...backup, id: backup.name })) ?? [], [data]);
  return (
    <>
      <PageHeader
        title="Backups"
        detail="Everything in the database, encrypted to its recipients and signed; restored at the machine, with valtronics backup restore"
        actions={<MakeNow place={status?.place} isUnderWay={Boolean(status?.underWay)} />}
      />
      {error && !data ? (
        <ErrorState problem={error} onRetry={() => void refetch()} />
      ) : (
        <>
          {status?.place ? (
            <div className={classes.panels}>
              {status.underWay ? <UnderWayPanel underWay={status.underWay} /> : null}
              <SchedulePanel status={status} />
              <PointInTimePanel pointInTime={status.pointInTime} />
              {drills.isPending ? null : <DrillPanel drill={drills.data?.items[0]} />}
            </div>
          ) : null}
          <DataTable
            label="Backups"
            columns={backupColumns}
            rows={rows}
            rowHeight={48}
            loading={isPending}
            empty={
              status?.place ? (
                <EmptyState
                  icon={<IconDatabaseExport size={20} />}
                  title="No backup yet"
                  hint={
                    status.everyHours > 0
                      ? 'The first is made within a minute, and then one after the other by itself.'
                      : 'None is made by itself: VALTRONICS_BACKUP_EVERY_HOURS is 0.'
                  }
                />
              ) : (
                <EmptyState
                  icon={<IconDatabaseExport size={20} />}
                  title="Nothing is backed up"
                  hint="Make an identity on another machine with age-keygen. Then set VALTRONICS_BACKUP_RECIPIENTS to its public key and VALTRONICS_BACKUP_FOLDER to a folder on another storage (or VALTRONICS_S3_URL to a bucket), and start the server again. docs/backups.md has the steps."
                />
              )
            }
          />
        </>
      )}
    </>
  );
}

function MakeNow({ place, isUnderWay }: { place: string | null | undefined; isUnderWay: boolean }) {
  const make = useChange(backupCreate, stale);
  const refusal =
    useRefusal(backupCreate) ??
    (place ? undefined : 'There is no place for backups, or nobody who could open them') ??
    (isUnderWay ? 'One is under way' : undefined);
  return (
    <GuardedButton
      refusal={refusal}
      loading={make.isPending}
      leftSection={<IconDatabaseExport size={14} />}
      onClick={() => {
        make.mutateAsync({ body: {} }).then(
          () => sayDone('A backup is being made'),
          (failure: unknown) => sayProblem(asProblem(failure)),
        );
      }}
    >
      Back up now
    </GuardedButton>
  );
}
