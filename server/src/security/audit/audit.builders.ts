import { hash, randomBytes } from 'node:crypto';
import type { TestDatabase } from '../../../../tests/support/database.ts';
import { type OpenedCheckpoint, openCheckpoint } from '../../lib/transparency/checkpoint.ts';
import type { NoteVerifier } from '../../lib/transparency/signed-note.ts';
import { createKeyRing } from '../crypto/key-ring.ts';
import { type AuditKey, loadAuditKey } from './audit-key.ts';
import { createSequencer, type Sequencer } from './sequencer.ts';
import { createTransactions } from './transactions.ts';
import type { Transactions } from './transactions.types.ts';
import { type DatabaseVerdict, verifyDatabase } from './verify-database.ts';

export interface TestLog {
  readonly organisationId: number;
  readonly transactions: Transactions;
  readonly key: AuditKey;
  readonly sequencer: Sequencer;
  /** One event of the organisation; with an address, a label and a text of a person in its details. */
  append(index: number): Promise<void>;
  appendMany(count: number): Promise<void>;
  /** What is signed now, the organisation's first. */
  sign(): Promise<OpenedCheckpoint[]>;
  verify(trusted?: readonly OpenedCheckpoint[], keys?: readonly NoteVerifier[]): Promise<DatabaseVerdict[]>;
}

export function aKeyRing() {
  const root = randomBytes(32).toString('hex');
  return createKeyRing({ deriveKey: (purpose) => hash('sha256', `${root} ${purpose}`, 'buffer') });
}

/** The audit log of one organisation, with a sequencer that runs when it is told to. */
export async function aTestLog(database: TestDatabase, keyRing = aKeyRing()): Promise<TestLog> {
  const transactions = createTransactions(database);
  const made = await database.admin.query<{ id: number }>(
    `insert into organisations (public_id, name) values (gen_random_uuid(), 'Audited') returning id`,
  );
  const organisationId = made.rows[0]?.id ?? 0;
  const key = await loadAuditKey({ transactions, keyRing, host: 'localhost:8000' });
  const sequencer = createSequencer({ transactions, key });
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
    sequencer,
    append,
    async appendMany(count) {
      for (let index = 0; index < count; index += 1) await append(index);
    },
    async sign() {
      return (await sequencer.run({ signNow: true })).map(({ note }) => openCheckpoint(note, [key.verifier]));
    },
    verify: (checkpoints = [], keys = [key.verifier]) =>
      transactions.readAcross((reader) => verifyDatabase(reader, { keys, checkpoints })),
  };
}
