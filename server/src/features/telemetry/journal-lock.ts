import { newId } from '../../lib/ids.ts';
import type { IngestConnection } from './ingest-connection.ts';
import { tryConsumerLock } from './journal.repository.ts';

/** One process at a time works on the journal; the others wait for it to end. */
export interface JournalLock {
  /** Name of this turn at holding it; undefined: another process has it. A new turn has a new name. */
  hold(): Promise<string | undefined>;
  release(): Promise<void>;
}

export function createJournalLock(connection: IngestConnection): JournalLock {
  let turn: string | undefined;
  let asking: Promise<string | undefined> | undefined;

  async function ask(): Promise<string | undefined> {
    try {
      turn = (await tryConsumerLock(connection)) ? newId() : undefined;
      return turn;
    } finally {
      asking = undefined;
    }
  }

  return {
    hold() {
      // The lock went with its session.
      if (turn !== undefined && !connection.isConnected()) turn = undefined;
      if (turn !== undefined) return Promise.resolve(turn);
      asking ??= ask();
      return asking;
    },
    async release() {
      turn = undefined;
      await connection.close();
    },
  };
}
