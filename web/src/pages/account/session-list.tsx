import { Badge, Button, Skeleton } from '@mantine/core';
import { sessionRevoke, sessionsList } from '@valtronics/contract';
import { asProblem } from '../../api/problem-error.ts';
import { useChange, useEndpoint } from '../../api/use-endpoint.ts';
import { ErrorState } from '../../ui/states/states.tsx';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { sayDone, sayProblem } from '../../ui/toasts.tsx';
import classes from './account.module.css';
import { clientName } from './client-name.ts';

export function SessionList() {
  const { data, error, refetch } = useEndpoint(sessionsList, {}, { refetchInterval: 60_000 });
  const revoke = useChange(sessionRevoke, ['/auth/sessions']);
  const end = async (id: string) => {
    try {
      await revoke.mutateAsync({ params: { id } });
      sayDone('The session has ended');
    } catch (failure) {
      sayProblem(asProblem(failure));
    }
  };
  if (error && !data) return <ErrorState problem={error} onRetry={() => void refetch()} />;
  if (!data) return <Skeleton height={160} m="md" />;
  return (
    <ul className={classes.list}>
      {data.items.map((session) => (
        <li key={session.id} className={classes.session}>
          <span className={classes.what} title={session.userAgent ?? undefined}>
            <b>{clientName(session.userAgent)}</b> {session.current ? <Badge>This one</Badge> : null}
            <div className="dim">
              {session.address ?? 'unknown address'} · {session.kind === 'browser' ? 'browser' : 'token client'}
            </div>
          </span>
          <span className="dim">
            active <RelativeTime at={session.lastSeenAt} />
          </span>
          <span className="dim">
            ends <RelativeTime at={session.expiresAt} />
          </span>
          {session.current ? null : (
            <Button
              variant="default"
              size="compact-xs"
              loading={revoke.isPending && revoke.variables?.params.id === session.id}
              aria-label={`End the session of ${clientName(session.userAgent)}`}
              onClick={() => void end(session.id)}
            >
              End
            </Button>
          )}
        </li>
      ))}
    </ul>
  );
}
