import type { Kysely } from 'kysely';
import type { Pool, PoolClient } from 'pg';
import { preparedQueriesOn, queriesIn } from '../../platform/db/database.ts';
import { inTransaction, type Scope, withOrganisation } from '../../platform/db/transactions.ts';
import type { AuditEntry, AuditSubject } from './audit-event.ts';
import { appendAuditEvent, appendedIn } from './audit-log.ts';
import type { AuditedTx, Reader, SystemTx, UnauditedTx } from './tokens.ts';
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
  const write = <T>(organisationId: number | null, work: (client: PoolClient) => Promise<T>): Promise<T> =>
    organisationId === null
      ? inTransaction(pools.maintenance, work)
      : withOrganisation(pools.server, { organisationId }, work);

  // No organisation is set outside of a transaction (the setting ends with one), so these see no organisation's rows.
  const lookUps = branded<Reader>(preparedQueriesOn<unknown>(pools.server), {});

  /** Once the transaction has committed, what was appended in it is told, and then what it did to sessions. */
  async function told<T, Token extends Reader>(
    work: (tx: Token) => Promise<{ result: T; changedSessions: boolean }>,
    open: (run: (tx: Token) => Promise<{ result: T; changedSessions: boolean }>) => Promise<{
      result: T;
      changedSessions: boolean;
    }>,
  ): Promise<T> {
    let used: Token | undefined;
    const { result, changedSessions } = await open((tx) => {
      used = tx;
      return work(tx);
    });
    if (used) for (const entry of appendedIn(used)) onAppended(entry);
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

    audited(context, event, work) {
      const { describe, subject } = subjectOnce(event);
      return told(
        async (tx: AuditedTx) => {
          const result = await work(tx);
          const entry = { ...context, ...subject(), event, outcome: 'success' } as const;
          return { result, ...(await appendAuditEvent(tx, entry)) };
        },
        (run) => withOrganisation(pools.server, context, (client) => run(asToken<AuditedTx>(client, { describe }))),
      );
    },

    system({ organisationId, actor, event }, work) {
      const { describe, subject } = subjectOnce(event);
      return told(
        async (tx: SystemTx) => {
          const result = await work(tx);
          const context = { organisationId, actor, address: null, requestId: null };
          const entry = { ...context, ...subject(), event, outcome: 'success' } as const;
          return { result, ...(await appendAuditEvent(tx, entry)) };
        },
        (run) => write(organisationId, (client) => run(asToken<SystemTx>(client, { describe }))),
      );
    },

    refused: (context, event, subject) =>
      told(
        withoutSessions((tx: Reader) => refuse(tx, { ...context, ...subject, event, outcome: 'failure' })),
        (run) => withOrganisation(pools.server, context, (client) => run(asToken<Reader>(client, {}))),
      ),

    unaudited: (organisationId, _reason, work) =>
      told(withoutSessions(work), (run) => write(organisationId, (client) => run(asToken<UnauditedTx>(client, {})))),

    unowned: (_reason, work) =>
      told(withoutSessions(work), (run) =>
        withOrganisation(pools.server, { organisationId: null }, (client) => run(asToken<UnauditedTx>(client, {}))),
      ),
  };
}

async function refuse(tx: Reader, entry: AuditEntry): Promise<void> {
  await appendAuditEvent(tx, entry);
}

/** What needs no event changes no session. */
const withoutSessions =
  <T, Token extends Reader>(work: (tx: Token) => Promise<T>) =>
  async (tx: Token) => ({ result: await work(tx), changedSessions: false });

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
