import { hash, randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestDatabase } from '../../../../tests/support/database.ts';
import { createTransactions } from '../audit/transactions.ts';
import { createKeyRing } from '../crypto/key-ring.ts';
import type { RootKey } from '../crypto/root-key.ts';
import type { OnDamaged } from './damaged-values.ts';
import { createDataKeys } from './data-keys.ts';
import { openKeyEpochs } from './key-epochs.ts';
import { openKeyStore } from './open-key-store.ts';

/** A clock that tests move. */
export function aClock(start = Date.UTC(2026, 0, 1)) {
  let now = start;
  return {
    now: () => now,
    date: () => new Date(now),
    pass(seconds: number) {
      now += seconds * 1_000;
    },
  };
}

export function aRootKey(): RootKey {
  const root = randomBytes(32).toString('hex');
  return { deriveKey: (purpose) => hash('sha256', `${root} ${purpose}`, 'buffer') };
}

export const aKeyStoreFile = (): string => join(mkdtempSync(join(tmpdir(), 'valtronics-keys-')), 'subjects.db');

export async function anOrganisation(database: TestDatabase): Promise<number> {
  const made = await database.admin.query<{ id: number }>(
    `insert into organisations (public_id, name) values (gen_random_uuid(), 'Sealed') returning id`,
  );
  return made.rows[0]?.id ?? 0;
}

/** A server on a database, as far as its keys go. */
export async function aServerOfKeys(
  database: TestDatabase,
  {
    rootKey,
    clock,
    file,
    onDamaged,
  }: { rootKey: RootKey; clock: ReturnType<typeof aClock>; file: string; onDamaged?: OnDamaged },
) {
  const transactions = createTransactions({ ...database, server: database.inner });
  const keyRing = createKeyRing(rootKey);
  const subjectKeys = await openKeyStore({ transactions, file, clock });
  const keyStores = { existing: async () => subjectKeys };
  const epochs = await openKeyEpochs({ transactions, rootKey, keyStores, clock });
  return {
    keyRing,
    epochs,
    subjectKeys,
    transactions,
    dataKeys: createDataKeys({ transactions, epochs, subjectKeys: async () => subjectKeys, keyRing, clock, onDamaged }),
  };
}
