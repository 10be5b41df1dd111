import { sql } from 'kysely';
import { appendAuditEvent } from './audit-log.ts';
import type { Reader, WriteTx } from './tokens.ts';
import type { Transactions } from './transactions.types.ts';
import { listTrees, type TreeRow } from './tree.repository.ts';

const system = { kind: 'system', id: 'audit-log', label: null } as const;

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
      const below = await firstKept(tx, tree, retentionDays);
      if (below === 0 || !(await holdsEventsBelow(tx, tree, below))) return;
      const removed = await prune(tx, tree, below);
      await appendAuditEvent(tx, {
        organisationId: tree.organisation_id,
        actor: system,
        address: null,
        requestId: null,
        resource: { kind: 'audit_tree', id: String(tree.id) },
        details: { below, removed, retentionDays },
        event: 'audit.pruned',
        outcome: 'success',
      });
    });
  }
}

/** The position of the first event that is young enough to stay. Only what was signed is ever removed. */
async function firstKept(reader: Reader, { id }: TreeRow, days: number): Promise<number> {
  const found = await sql<{ below: number | null }>`
    select least(
      (select min(l.position) from audit_leaves l join audit_events e on e.id = l.event_id
        where l.tree = ${id} and e.at >= now() - make_interval(days => ${days})),
      (select max(size) from audit_checkpoints where tree = ${id}))::float8 as below`.execute(reader.db);
  return found.rows[0]?.below ?? 0;
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
 * in the transaction of whoever erases the rest of them.
 */
export async function eraseAuditValues(tx: WriteTx, organisationId: number | null, personId: string): Promise<number> {
  const erased = await sql<{ erased: number }>`
    select erase_audit_values(${organisationId}, ${personId}) as erased`.execute(tx.db);
  return erased.rows[0]?.erased ?? 0;
}
