import { dataKeysOn } from '../../../../tests/support/data-keys.ts';
import type { TestDatabase } from '../../../../tests/support/database.ts';
import { type OpenedCheckpoint, openCheckpoint } from '../../lib/transparency/checkpoint.ts';
import type { NoteVerifier } from '../../lib/transparency/signed-note.ts';
import type { FileVerdict } from '../../lib/transparency/verify-offline.ts';
import type { DataKeys } from '../keys/data-keys.ts';
import { type AuditKey, loadAuditKey } from './audit-key.ts';
import { createSequencer, type DamagedTree, type Sequencer } from './sequencer.ts';
import { createTransactions } from './transactions.ts';
import type { Transactions } from './transactions.types.ts';
import { verifyDatabase } from './verify-database.ts';

/** Everything the log consists of: what an older backup puts back. */
export const auditTables = [
  'audit_events',
  'audit_pending',
  'audit_leaves',
  'audit_tiles',
  'audit_checkpoints',
  'audit_salts',
  'audit_trees',
];

export interface TestLog {
  readonly organisationId: number;
  readonly transactions: Transactions;
  readonly key: AuditKey;
  readonly sequencer: Sequencer;
  /** What the sequencer has told. */
  readonly damaged: DamagedTree[];
  /** As after a restart: nothing is known from before. */
  restarted(): Pick<TestLog, 'sign' | 'damaged'>;
  /** One event of the organisation; with an address, a label and a text of a person in its details. */
  append(index: number): Promise<void>;
  appendMany(count: number): Promise<void>;
  /** What is signed now, the organisation's first. */
  sign(): Promise<OpenedCheckpoint[]>;
  verify(trusted?: readonly OpenedCheckpoint[], keys?: readonly NoteVerifier[]): Promise<FileVerdict[]>;
}

/** The audit log of one organisation, with a sequencer that runs when it is told to. */
export async function aTestLog(database: TestDatabase, given?: DataKeys): Promise<TestLog> {
  const transactions = createTransactions(database);
  const made = await database.admin.query<{ id: number }>(
    `insert into organisations (public_id, name) values (gen_random_uuid(), 'Audited') returning id`,
  );
  const organisationId = made.rows[0]?.id ?? 0;
  const dataKeys = given ?? (await dataKeysOn(database));
  const key = await loadAuditKey({ transactions, dataKeys, host: 'localhost:8000' });
  const aSequencer = () => {
    const damaged: DamagedTree[] = [];
    const made = createSequencer({ transactions, key, onDamaged: (tree) => damaged.push(tree) });
    const sign = async () =>
      (await made.run({ signNow: true })).map(({ note }) => openCheckpoint(note, [key.verifier]));
    return { sequencer: made, damaged, sign };
  };
  const first = aSequencer();
  const append = (index: number) =>
    transactions.refused(
      {
        organisationId,
        actor: { kind: 'user', id: `person-${index % 3}`, label: `person-${index % 3}@example.org` },
        address: `192.0.2.${index % 250}`,
        requestId: `request-${index}`,
      },
      'session.refused',
      {
        resource: { kind: 'user', id: `person-${index % 3}` },
        details: { number: index, name: `Name ${index}`, reason: 'test' },
      },
    );
  return {
    organisationId,
    transactions,
    key,
    ...first,
    restarted: aSequencer,
    append,
    async appendMany(count) {
      for (let index = 0; index < count; index += 1) await append(index);
    },
    verify: (checkpoints = [], keys = [key.verifier]) => verifyDatabase(transactions, { keys, checkpoints }),
  };
}

/** Whoever owns the database can do to it what they like: every trigger is off. */
export async function asOwner(database: TestDatabase, statements: readonly string[]): Promise<void> {
  await database.admin.query('set session_replication_role = replica');
  for (const statement of statements) await database.admin.query(statement);
  await database.admin.query('set session_replication_role = origin');
}

export async function treeOf(database: TestDatabase, organisationId: number): Promise<number> {
  const found = await database.admin.query<{ id: number }>('select id from audit_trees where organisation_id = $1', [
    organisationId,
  ]);
  return found.rows[0]?.id ?? 0;
}

export async function findingsOf(log: TestLog, trusted: readonly OpenedCheckpoint[] = []) {
  const verdicts = await log.verify(trusted);
  return verdicts.flatMap((verdict) =>
    verdict.findings.map(({ kind, position, before, likely }) => ({
      kind,
      position,
      ...(before === undefined ? {} : { before }),
      ...(likely === undefined ? {} : { likely }),
    })),
  );
}
