import { createCipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { systemClock } from '../server/src/lib/clock.ts';
import { loadConfig } from '../server/src/platform/config/config.ts';
import { createLogger } from '../server/src/platform/log/log.ts';
import { createKeyRing } from '../server/src/security/crypto/key-ring.ts';
import { openRootKey } from '../server/src/security/crypto/root-key.ts';
import { startDatabase } from '../server/src/start-database.ts';
import { dataKeysOn } from '../tests/support/data-keys.ts';
import { newDataFolder } from './support/data-folder.ts';
import { type Done, inTurns } from './support/in-turns.ts';
import { atLeast, type Outcome, perSecond } from './support/outcome.ts';

const FIELD_BYTES = 64;
const A_ROUND = 20_000;
const ROUNDS = 9;
const TARGET = 0.5;

/**
 * A field sealed as the platform does it (data key looked up, commitment, place in canonical JSON) against what cannot be left out: a fresh key for
 * each message by HKDF, and AES-256-GCM with it.
 */
export async function sealing(): Promise<Outcome[]> {
  const dataDir = newDataFolder('valtronics-bench-sealing-');
  const config = loadConfig({ VALTRONICS_DATA_DIR: dataDir, VALTRONICS_LOG_LEVEL: 'error' });
  const rootKey = openRootKey(config);
  const log = createLogger({ level: config.logLevel, clock: systemClock });
  const running = await startDatabase(config, createKeyRing(rootKey), log);
  try {
    const dataKeys = await dataKeysOn(running.database, { rootKey, dataDir });
    const field = randomBytes(FIELD_BYTES);
    const place = { organisation: null, table: 'users', column: 'phone', row: '0198c0de-0000-7000-8000-000000000001' };
    const { ours, theirs, ratio, ratios } = await inTurns(
      ROUNDS,
      () => timed(() => dataKeys.seal(field, place)),
      // As asynchronous as ours, so that only the sealing is compared.
      () => timed(async () => bareSeal(field)),
    );
    const detail = `${perSecond(ours)} against ${perSecond(theirs)} of ${FIELD_BYTES} bytes, ${ratios}`;
    return [atLeast('sealing.field_vs_bare_gcm', ratio, TARGET, 'of bare AES-256-GCM', detail)];
  } finally {
    await running.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

const sealingKey = randomBytes(32);
const NONCE = Buffer.alloc(12);

function bareSeal(field: Uint8Array): Buffer {
  const salt = randomBytes(32);
  const key = Buffer.from(hkdfSync('sha256', sealingKey, salt, 'bench', 32));
  const cipher = createCipheriv('aes-256-gcm', key, NONCE, { authTagLength: 16 });
  cipher.setAAD(salt);
  return Buffer.concat([salt, cipher.update(field), cipher.final(), cipher.getAuthTag()]);
}

async function timed(seal: () => Promise<Buffer>): Promise<Done> {
  const began = performance.now();
  for (let index = 0; index < A_ROUND; index += 1) await seal();
  return { count: A_ROUND, seconds: (performance.now() - began) / 1_000 };
}
