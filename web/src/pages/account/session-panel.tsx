import { Button, Skeleton } from '@mantine/core';
import { sessionRevoke, sessionsList, sessionsRevokeOthers } from '@valtronics/contract';
import { asProblem } from '../../api/problem-error.ts';
import { useChange, useEndpoint } from '../../api/use-endpoint.ts';
import { clientName } from '../../identity/client-name.ts';
import rows from '../../identity/rows.module.css';
import { SessionRow } from '../../identity/session-row.tsx';
import { Panel } from '../../ui/page.tsx';
import { ErrorState } from '../../ui/states/states.tsx';
import { sayDone, sayProblem } from '../../ui/toasts.tsx';

export function SessionPanel() {
  const { data, error, refetch } = useEndpoint(sessionsList, {}, { refetchInterval: 60_000 });
  const revoke = useChange(sessionRevoke, ['/auth/sessions']);
  const revokeOthers = useChange(sessionsRevokeOthers, ['/auth/sessions']);
  const others = data?.items.filter(({ current }) => !current) ?? [];
  const tell = async (act: () => Promise<string>) => {
    try {
      sayDone(await act());
    } catch (failure) {
      sayProblem(asProblem(failure));
    }
  };
  const end = (id: string) =>
    tell(async () => {
      await revoke.mutateAsync({ params: { id } });
      return 'The session has ended';
    });
  const endOthers = () =>
    tell(async () => {
      const { ended } = await revokeOthers.mutateAsync({});
      return ended === 1 ? 'The other session has ended' : `${ended} other sessions have ended`;
    });
  return (
    <Panel
      title="Sessions"
      flush
      aside={
        others.length > 0 ? (
          <Button variant="default" loading={revokeOthers.isPending} onClick={() => void endOthers()}>
            End all others
          </Button>
        ) : null
      }
    >
      {error && !data ? <ErrorState problem={error} onRetry={() => void refetch()} /> : null}
      {!data && !error ? <Skeleton height={160} m="md" /> : null}
      {data ? (
        <ul className={rows.list}>
          {data.items.map((session) => (
            <SessionRow
              key={session.id}
              session={session}
              action={
                session.current ? null : (
                  <Button
                    variant="default"
                    size="compact-xs"
                    loading={revoke.isPending && revoke.variables?.params.id === session.id}
                    aria-label={`End the session of ${clientName(session.userAgent)}`}
                    onClick={() => void end(session.id)}
                  >
                    End
                  </Button>
                )
              }
            />
          ))}
        </ul>
      ) : null}
    </Panel>
  );
}
