import { sql } from 'kysely';
import { treeName } from '../../lib/transparency/self-account.ts';
import { appendAuditEvent } from './audit-log.ts';
import type { Reader, WriteTx } from './tokens.ts';
import type { Transactions } from './transactions.types.ts';
import { listTrees, type TreeRow } from './tree.repository.ts';

/** What the log says of itself. No other role than the one of jobs can append such events. */
const byTheLog = {
  actor: { kind: 'system', id: 'audit-log', label: null },
  address: null,
  requestId: null,
  outcome: 'success',
} as const;

/**
 * Removes what is older than the retention, tree by tree. That it happened, and up to where, is an event of the same log in the same
 * transaction: whoever verifies takes what is missing for pruned only where a later leaf says so.
 */
export async function pruneAuditLog(deps: {
  transactions: Pick<Transactions, 'unaudited' | 'readAcross'>;
  retentionDays: number;
  signal?: AbortSignal;
}): Promise<void> {
  const { transactions, retentionDays, signal } = deps;
  for (const tree of await transactions.readAcross(listTrees)) {
    if (signal?.aborted) return;
    await transactions.unaudited(null, 'housekeeping', async (tx) => {
      const { below, olderThan } = await cutOf(tx, tree, retentionDays);
      if (below === 0 || !(await holdsEventsBelow(tx, tree, below))) return;
      const removed = await prune(tx, tree, below);
      await appendAuditEvent(tx, {
        ...byTheLog,
        organisationId: tree.organisation_id,
        resource: { kind: 'audit_tree', id: treeName(tree.origin) },
        details: { below, olderThan, removed, retentionDays },
        event: 'audit.pruned',
      });
    });
  }
}

interface Cut {
  readonly below: number;
  readonly olderThan: string;
}

/**
 * Where the newest event past the retention stands: what is before it goes. It stays itself, since a time that was signed when it was new is
 * what shows whoever verifies that nothing younger went with the rest. Only what was signed is ever removed.
 */
async function cutOf(reader: Reader, { id }: TreeRow, days: number): Promise<Cut> {
  const found = await sql<{ below: number | null; olderThan: string }>`
    with cut as (select now() - make_interval(days => ${days}) as at)
    select to_char(cut.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "olderThan",
      (select max(l.position)::float8 from audit_leaves l join audit_events e on e.id = l.event_id
        where l.tree = ${id} and e.at < cut.at and l.position < least(
          (select min(y.position) from audit_leaves y join audit_events young on young.id = y.event_id
            where y.tree = ${id} and young.at >= cut.at),
          (select coalesce(max(size), 0) from audit_checkpoints where tree = ${id}))) as below
    from cut`.execute(reader.db);
  const { below, olderThan } = found.rows[0] ?? { below: null, olderThan: '' };
  return { below: below ?? 0, olderThan };
}

async function holdsEventsBelow(reader: Reader, { id }: TreeRow, below: number): Promise<boolean> {
  const found = await sql<{ waits: boolean }>`
    select exists (select from audit_leaves where tree = ${id} and position < ${below} and entry is not null) as waits`.execute(
    reader.db,
  );
  return found.rows[0]?.waits === true;
}

async function prune(tx: WriteTx, { id }: TreeRow, below: number): Promise<number> {
  const pruned = await sql<{ removed: string }>`select prune_audit_tree(${id}, ${below}) as removed`.execute(tx.db);
  return Number(pruned.rows[0]?.removed ?? 0);
}

/**
 * Erases the personal values of a person in the log of an organisation: label and address of what they did, texts about them. To be called
 * in the transaction of whoever erases the rest of them. The log says that it happened and to how many values, or verification would take
 * it for somebody's tampering.
 */
export async function eraseAuditValues(tx: WriteTx, organisationId: number | null, personId: string): Promise<number> {
  const erased = await sql<{ values: number }>`
    select erase_audit_values(${organisationId}, ${personId}) as values`.execute(tx.db);
  const values = erased.rows[0]?.values ?? 0;
  if (values === 0) return 0;
  await appendAuditEvent(tx, {
    ...byTheLog,
    organisationId,
    resource: { kind: 'user', id: personId },
    details: { values },
    event: 'audit.values_erased',
  });
  return values;
}
