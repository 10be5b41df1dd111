// The second half of a key rotation, or (`seal-clear`) the sealing of what an older release kept in clear, as a process of its own, for tests to kill.
// What it needs comes on stdin as one line of JSON; each batch of a rotation is a line on stdout.
import { text } from 'node:stream/consumers';
import { systemClock } from '../../server/src/lib/clock.ts';
import { connectDatabase } from '../../server/src/platform/db/database.ts';
import { createTransactions } from '../../server/src/security/audit/transactions.ts';
import { createKeyRing } from '../../server/src/security/crypto/key-ring.ts';
import { parseRootKey } from '../../server/src/security/crypto/root-key.ts';
import { sealClearValues } from '../../server/src/security/keys/clear-values.ts';
import { createDataKeys } from '../../server/src/security/keys/data-keys.ts';
import { openKeyEpochs } from '../../server/src/security/keys/key-epochs.ts';
import { openKeyStore } from '../../server/src/security/keys/open-key-store.ts';
import { createResealing } from '../../server/src/security/keys/resealing.ts';

const { work, connection, credentials, rootKeyText, file, batchRows } = JSON.parse(await text(process.stdin));
const rootKey = parseRootKey(rootKeyText);
if (rootKey === undefined) throw new Error('not a root key');
const quiet = { info() {}, warn() {}, error() {} };
const database = await connectDatabase({
  connection,
  credentials,
  log: quiet,
  poolSizes: { server: 1, ingest: 1, maintenance: 1 },
});
const transactions = createTransactions(database);
const subjectKeys = await openKeyStore({ transactions, file, clock: systemClock });
const keyStores = { existing: async () => subjectKeys };
const epochs = await openKeyEpochs({ transactions, rootKey, keyStores, clock: systemClock });
const keyRing = createKeyRing(rootKey);
const dataKeys = createDataKeys({
  transactions,
  epochs,
  subjectKeys: async () => subjectKeys,
  keyRing,
  clock: systemClock,
});
if (work === 'seal-clear') {
  await sealClearValues({ transactions, dataKeys, log: quiet, batchRows });
} else {
  const { unreadable } = await createResealing({ transactions, epochs, dataKeys }).run({
    batchRows,
    onProgress: ({ done, total }) => console.log(`${done} ${total}`),
  });
  console.log(`unreadable ${unreadable}`);
}
subjectKeys.close();
await database.close();
