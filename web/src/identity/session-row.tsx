import { Badge } from '@mantine/core';
import type { Session } from '@valtronics/contract';
import type { ReactNode } from 'react';
import { RelativeTime } from '../ui/time/relative-time.tsx';
import { clientName } from './client-name.ts';
import { provenWords } from './factor-words.ts';
import classes from './rows.module.css';

/** One open session: on what, from where, proven with what. */
export function SessionRow({ session, action }: { session: Session; action?: ReactNode }) {
  const { userAgent, current, address, kind, factor, lastSeenAt, expiresAt } = session;
  return (
    <li className={classes.row}>
      <span className={classes.what} title={userAgent ?? undefined}>
        <b>{clientName(userAgent)}</b> {current ? <Badge>This one</Badge> : null}
        <div className="dim">
          {address ?? 'unknown address'} · {kind === 'browser' ? 'browser' : 'token client'} · {provenWords[factor]}
        </div>
      </span>
      <span className="dim">
        active <RelativeTime at={lastSeenAt} />
      </span>
      <span className="dim">
        ends <RelativeTime at={expiresAt} />
      </span>
      {action}
    </li>
  );
}
