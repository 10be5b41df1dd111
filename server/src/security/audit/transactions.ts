import type { Kysely } from 'kysely';
import type { Pool, PoolClient } from 'pg';
import { copyOut } from '../../platform/db/copy-out.ts';
import { preparedQueriesOn, queriesIn } from '../../platform/db/database.ts';
import { type Closing, inTransaction, type Scope, withOrganisation } from '../../platform/db/transactions.ts';
import type { AuditEntry, AuditSubject } from './audit-event.ts';
import { appendedIn, changedSessionsIn, lastAuditEvent } from './audit-log.ts';
import type { Reader } from './tokens.ts';
import type { Transactions } from './transactions.types.ts';

export interface TransactionPools {
  /** Every request: under row-level security. */
  readonly server: Pool;
  /** Jobs across organisations; never on a request's path. */
  readonly maintenance: Pool;
}

/**
 * Makes the tokens of `tokens.ts`. Nothing else does, so a write without an account of itself does not compile.
 *
 * `sessionsChanged` runs after the commit of whatever changed what a session is worth and before the caller hears of it. Only writes with
 * an event can: what needs none changes no rights.
 *
 * `onAppended` hears of every event once it is committed. It must not fail and is not waited for: what was done is done.
 */
export function createTransactions(
  pools: TransactionPools,
  {
    sessionsChanged = async () => {},
    onAppended = () => {},
  }: { readonly sessionsChanged?: () => Promise<void>; readonly onAppended?: (entry: AuditEntry) => void } = {},
): Transactions {
  const opened = <T>(organisationId: number | null, work: Work<T>, closing?: Closing<T>): Promise<T> =>
    organisationId === null
      ? inTransaction(pools.maintenance, work, { closing })
      : withOrganisation(pools.server, { organisationId }, work, { closing });

  // No organisation is set outside of a transaction (the setting ends with one), so these see no organisation's rows.
  const lookUps = branded<Reader>(preparedQueriesOn<unknown>(pools.server), {});

  /**
   * A transaction that ends with its event, if it is to have one. Once it has committed, what was appended in it is told, and then what it did to
   * sessions.
   */
  async function told<T, Token extends Reader>(
    open: (work: Work<T>, closing: Closing<T>) => Promise<T>,
    rest: Omit<Token, keyof Reader>,
    work: (tx: Token) => Promise<T>,
    entry?: () => AuditEntry,
  ): Promise<T> {
    let used: Token | undefined;
    let changedSessions = false;
    const result = await open(
      (client) => {
        used = asToken<Token>(client, rest);
        return work(used);
      },
      {
        last: () => (entry && used ? lastAuditEvent(used, entry()) : undefined),
        answered(rows) {
          changedSessions = changedSessionsIn(rows);
        },
      },
    );
    if (used) for (const appended of appendedIn(used)) onAppended(appended);
    if (changedSessions) await sessionsChanged();
    return result;
  }

  return {
    lookUp: (work) => work(lookUps),

    read: (scope, work) =>
      withOrganisation(pools.server, asScope(scope), (client) => work(asToken<Reader>(client, {})), { readOnly: true }),

    readAcross: (work, { isOneMoment = false } = {}) =>
      inTransaction(pools.maintenance, (client) => work(asToken<Reader>(client, {})), {
        readOnly: true,
        ...(isOneMoment ? { isolation: 'repeatable read' } : {}),
      }),

    copyAcross: (snapshot, work) =>
      inTransaction(pools.maintenance, (client) => work((query, most) => copyOut(client, query, most)), {
        readOnly: true,
        isolation: 'repeatable read',
        snapshot,
      }),

    audited(context, event, work) {
      const { describe, subject } = subjectOnce(event);
      return told(
        (run, closing) => withOrganisation(pools.server, context, run, { closing }),
        { describe },
        work,
        () => ({ ...context, ...subject(), event, outcome: 'success' }),
      );
    },

    system({ organisationId, actor, event }, work) {
      const { describe, subject } = subjectOnce(event);
      const context = { organisationId, actor, address: null, requestId: null };
      return told(
        (run, closing) => opened(organisationId, run, closing),
        { describe },
        work,
        () => ({ ...context, ...subject(), event, outcome: 'success' }),
      );
    },

    refused: (context, event, subject) =>
      told(
        (run, closing) => withOrganisation(pools.server, context, run, { closing }),
        {},
        async (_tx: Reader) => {},
        () => ({ ...context, ...subject, event, outcome: 'failure' }),
      ),

    unaudited: (organisationId, _reason, work) =>
      told((run, closing) => opened(organisationId, run, closing), {}, work),

    unowned: (_reason, work) =>
      told((run, closing) => withOrganisation(pools.server, { organisationId: null }, run, { closing }), {}, work),
  };
}

type Work<T> = (client: PoolClient) => Promise<T>;

const asScope = (scope: Scope | number | null): Scope =>
  typeof scope === 'object' && scope !== null ? scope : { organisationId: scope };

/** The brand exists in the types only; this is the one place that puts it on. */
function asToken<T extends Reader>(client: PoolClient, rest: Omit<T, keyof Reader>): T {
  return branded<T>(queriesIn<unknown>(client), rest);
}

/** The brand exists in the types only; this is the one place that puts it on. */
function branded<T extends Reader>(db: Kysely<unknown>, rest: Omit<T, keyof Reader>): T {
  return { ...rest, db } as unknown as T;
}

function subjectOnce(event: string) {
  let said: AuditSubject | undefined;
  return {
    describe(subject: AuditSubject) {
      if (said) throw new Error(`${event} was described twice`);
      said = subject;
    },
    subject(): AuditSubject {
      // A change nobody described must not commit: the log would hold an event that says nothing.
      if (!said) throw new Error(`${event} was not described: call tx.describe(…)`);
      return said;
    },
  };
}
