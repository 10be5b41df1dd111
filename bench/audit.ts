import { rmSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { systemClock } from '../server/src/lib/clock.ts';
import { loadConfig } from '../server/src/platform/config/config.ts';
import { connectionAs } from '../server/src/platform/db/database.ts';
import { readCredentials } from '../server/src/platform/db/roles.ts';
import { createLogger } from '../server/src/platform/log/log.ts';
import { loadAuditKey } from '../server/src/security/audit/audit-key.ts';
import { createSequencer } from '../server/src/security/audit/sequencer.ts';
import { createTransactions } from '../server/src/security/audit/transactions.ts';
import { createKeyRing } from '../server/src/security/crypto/key-ring.ts';
import { openRootKey } from '../server/src/security/crypto/root-key.ts';
import { sealedFile } from '../server/src/security/crypto/sealed-file.ts';
import { startDatabase } from '../server/src/start-database.ts';
import { dataKeysOn } from '../tests/support/data-keys.ts';
import { auditSearch } from './support/audit-search.ts';
import { auditVerification } from './support/audit-verification.ts';
import { auditedRequests } from './support/audited-requests.ts';
import { auditedWrites } from './support/audited-writes.ts';
import { newDataFolder } from './support/data-folder.ts';
import type { Outcome } from './support/outcome.ts';

/** What the audit log costs, how fast it is verified, and how fast it is searched with so many rows; on a database of its own. */
export async function auditLog(rows: number): Promise<Outcome[]> {
  if (!Number.isSafeInteger(rows) || rows < 100_000) throw new Error('--rows is a whole number from 100,000 on');
  const requests = await auditedRequests();
  const dataDir = newDataFolder('valtronics-bench-audit-');
  const config = loadConfig({ VALTRONICS_DATA_DIR: dataDir, VALTRONICS_LOG_LEVEL: 'error' });
  const rootKey = openRootKey(config);
  const keyRing = createKeyRing(rootKey);
  const running = await startDatabase(config, keyRing, createLogger({ level: config.logLevel, clock: systemClock }));
  try {
    const credentials = await readCredentials(sealedFile(join(dataDir, 'database.sealed'), keyRing));
    if (!credentials) throw new Error('the database has no owner');
    const owner = new pg.Client({
      ...running.connectionOf('maintenance'),
      ...connectionAs('owner', credentials.owner),
    });
    await owner.connect();
    try {
      const transactions = createTransactions(running.database);
      const dataKeys = await dataKeysOn(running.database, { rootKey });
      const key = await loadAuditKey({ transactions, dataKeys, host: 'bench' });
      const sequencer = createSequencer({ transactions, key });
      const writes = await auditedWrites({ owner, transactions, sequencer });
      return [
        requests,
        writes.outcome,
        ...(await auditVerification({ owner, transactions, sequencer, key, organisationId: writes.organisationId })),
        await auditSearch({ owner, transactions, rows }),
      ];
    } finally {
      await owner.end();
    }
  } finally {
    await running.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}
