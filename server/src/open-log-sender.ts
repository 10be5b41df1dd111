import { openBackupStorage } from './backup-storage.ts';
import type { LogToSend } from './features/backups/log-sending.ts';
import type { Clock } from './lib/clock.ts';
import type { Config } from './platform/config/config.ts';
import { checkSpace } from './platform/db/disk-space.ts';
import { walOutbox } from './platform/db/wal-outbox.ts';
import { loadAuditKey } from './security/audit/audit-key.ts';
import type { Transactions } from './security/audit/transactions.types.ts';
import { type ChainStore, chainStore } from './security/backups/point-in-time/chain-store.ts';
import { recordChain, recordSent } from './security/backups/point-in-time/point-in-time.repository.ts';
import { type SegmentSender, segmentSender } from './security/backups/point-in-time/send-segments.ts';
import { readWalCursor } from './security/backups/point-in-time/wal-cursor.ts';
import type { KeyRing } from './security/crypto/key-ring.ts';
import type { DataKeys } from './security/keys/data-keys.ts';
import type { RunningDatabase } from './start-database.ts';

/** Long before the server refuses writes, and far longer before PostgreSQL would end for want of room. */
const LEAST_FREE_BYTES = 1024 * 1024 * 1024;

/** The log of the embedded database, where it is kept until it is sent beside the backups. */
export function logToSend(deps: {
  config: Config;
  running: RunningDatabase;
  keyRing: KeyRing;
  dataKeys: DataKeys;
  transactions: Transactions;
  clock: Clock;
}): LogToSend | undefined {
  const { config, running, keyRing, dataKeys, transactions, clock } = deps;
  const { archivedFolder } = running;
  if (archivedFolder === undefined) return undefined;
  const { dataDir } = config;
  let sender: SegmentSender | undefined;
  let store: ChainStore | undefined;
  async function openStore(): Promise<ChainStore> {
    const storage = store ? undefined : await openBackupStorage(config);
    if (storage) store = chainStore(storage);
    if (!store) throw new Error('there is no place for the log');
    return store;
  }
  return {
    async open() {
      if (sender) return sender;
      const key = await loadAuditKey({ transactions, dataKeys, host: config.publicUrl.host });
      sender = segmentSender({
        outbox: walOutbox(archivedFolder),
        openStore,
        dataDir,
        recipients: config.backups.recipients,
        vouching: { key, keyRing },
        record: (chain, place) =>
          transactions.unaudited(null, 'backup_runs', (tx) => recordChain(tx, chain, place, clock.date())),
        recordSent: (chain, last) => transactions.unaudited(null, 'backup_runs', (tx) => recordSent(tx, chain, last)),
      });
      return sender;
    },
    sentUntil() {
      const at = readWalCursor(dataDir)?.last?.finishedAt;
      return at === undefined ? undefined : new Date(at);
    },
    chain: () => readWalCursor(dataDir)?.chain,
    isDiskFull: () => checkSpace(archivedFolder).freeBytes < LEAST_FREE_BYTES,
  };
}
