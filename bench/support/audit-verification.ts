import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { writeKeyFile } from '../../server/src/lib/transparency/log-folder.ts';
import { type NoteVerifier, verifierText } from '../../server/src/lib/transparency/signed-note.ts';
import { verifyFolder } from '../../server/src/lib/transparency/verify-offline.ts';
import type { AuditKey } from '../../server/src/security/audit/audit-key.ts';
import { exportTree } from '../../server/src/security/audit/export-log.ts';
import type { Sequencer } from '../../server/src/security/audit/sequencer.ts';
import type { Transactions } from '../../server/src/security/audit/transactions.types.ts';
import { listTrees } from '../../server/src/security/audit/tree.repository.ts';
import { verifyDatabase } from '../../server/src/security/audit/verify-database.ts';
import { atLeast, type Outcome } from './outcome.ts';

const TARGET_A_SECOND = 200_000;
const EVENTS = 1_000_000;
/** The first reads its files for the first time. Of the database one is enough, whose pages were written just before. */
const ROUNDS = { files: 3, database: 1 };

/** The same log as an export on the disk, with the personal values beside it, as a stranger verifies it; and the live database, with what people are shown. */
export async function auditVerification(deps: {
  owner: pg.Client;
  transactions: Transactions;
  sequencer: Sequencer;
  key: AuditKey;
  organisationId: number;
}): Promise<Outcome[]> {
  const { owner, transactions, sequencer, key, organisationId } = deps;
  await owner.query(
    `insert into audit_events (id, organisation_id, event, outcome, actor_kind, actor_id, actor_label, resource_kind, resource_id, address, request_id, details)
     select uuidv7(), $1, 'device.changed', 'success', 'user', gen_random_uuid(), 'person-' || n % 100 || '@example.org', 'device',
       gen_random_uuid(), '192.0.2.1', gen_random_uuid(), '{"changed": ["name", "location"]}' from generate_series(1, $2::int) n`,
    [organisationId, EVENTS],
  );
  await sequencer.run({ signNow: true });
  const keys = [key.verifier];
  const folder = join(mkdtempSync(join(tmpdir(), 'valtronics-bench-export-')), 'export');
  try {
    const size = await exported(transactions, folder, keys);
    const files = await best(size, ROUNDS.files, async () => assertGood(await verifyFolder(folder, keys, [])));
    const database = await best(size, ROUNDS.database, async () =>
      assertGood(await verifyDatabase(transactions, { keys, checkpoints: [] })),
    );
    return [
      told('audit.export_verified_to_target', files, 'an export on the disk, personal values included'),
      told('audit.database_verified_to_target', database, 'the live database, each row compared with its leaf'),
    ];
  } finally {
    rmSync(join(folder, '..'), { recursive: true, force: true });
  }
}

async function exported(transactions: Transactions, folder: string, [key]: readonly NoteVerifier[]): Promise<number> {
  const size = await transactions.readAcross(async (reader) => {
    let entries = 0;
    for (const tree of await listTrees(reader))
      entries += await exportTree(reader, tree, join(folder, tree.origin.slice(tree.origin.lastIndexOf('/') + 1)));
    return entries;
  });
  if (key) writeKeyFile(folder, verifierText(key));
  return size;
}

/** The best of some rounds. */
async function best(events: number, rounds: number, verify: () => Promise<void>): Promise<number> {
  let most = 0;
  for (let round = 0; round < rounds; round += 1) {
    const started = performance.now();
    await verify();
    most = Math.max(most, events / ((performance.now() - started) / 1000));
  }
  return most;
}

function assertGood(verdicts: readonly { readonly findings: readonly unknown[] }[]): void {
  if (verdicts.some(({ findings }) => findings.length > 0))
    throw new Error('a log that nobody touched does not verify');
}

function told(name: string, perSecond: number, what: string): Outcome {
  const detail = `${what}: ${Math.round(perSecond).toLocaleString('en')} events/s; the target is ${TARGET_A_SECOND.toLocaleString('en')}`;
  return atLeast(name, perSecond / TARGET_A_SECOND, 1, '\u00d7', detail);
}
