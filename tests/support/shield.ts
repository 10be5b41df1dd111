import { manualClock } from '../../server/src/lib/clock.ts';
import { Problem } from '../../server/src/lib/problem.ts';
import { addressList } from '../../server/src/platform/config/addresses.ts';
import { openNotices } from '../../server/src/platform/db/notices.ts';
import { createLogger } from '../../server/src/platform/log/log.ts';
import type { AuditEntry } from '../../server/src/security/audit/audit-event.ts';
import { createTransactions } from '../../server/src/security/audit/transactions.ts';
import { createKeyRing } from '../../server/src/security/crypto/key-ring.ts';
import { newRootKeyText, parseRootKey } from '../../server/src/security/crypto/root-key.ts';
import { openAllowList } from '../../server/src/security/shield/allow-list.ts';
import { openBlocks } from '../../server/src/security/shield/blocks.ts';
import { createDecisions } from '../../server/src/security/shield/decisions.ts';
import { createGuessing } from '../../server/src/security/shield/guessing.ts';
import type { GuessSubject } from '../../server/src/security/shield/guessing.types.ts';
import type { TestDatabase } from './database.ts';

/** Nobody is blocked. */
export const noBlocks = { of: () => undefined, ofPrincipal: () => undefined, onImposed: () => {} };

const rootKey = parseRootKey(newRootKeyText());

/** What one server process has against guessers, on a database it may share with others. Time is the caller's. */
export async function aShield(
  database: TestDatabase,
  clock = manualClock(Date.UTC(2026, 5, 1)),
  exempt: readonly string[] = [],
  onAppended?: (entry: AuditEntry) => void,
) {
  if (!rootKey) throw new Error('no root key');
  const lines: Record<string, unknown>[] = [];
  const log = createLogger({ level: 'info', clock, write: (line) => lines.push(JSON.parse(line)) });
  const notices = await openNotices(database.connection('server'), database.server, log);
  const transactions = createTransactions(database, onAppended ? { onAppended } : {});
  const allowList = await openAllowList({ transactions, notices, settings: [addressList(exempt)], log });
  const blocks = await openBlocks({ transactions, notices, allowList, clock, log });
  const decisions = createDecisions({ transactions, blocks, allowList, clock, log });
  const guessing = createGuessing({ transactions, keyRing: createKeyRing(rootKey), blocks, clock, log });

  /** `wrong`, `right`, or why the secret was not looked at. */
  async function guess(subject: GuessSubject, isRight = false): Promise<string> {
    try {
      return (await guessing.check(subject, async () => (isRight ? 'right' : null))) ?? 'wrong';
    } catch (error) {
      if (error instanceof Problem) return error.code;
      throw error;
    }
  }

  return {
    clock,
    lines,
    transactions,
    allowList,
    blocks,
    decisions,
    guessing,
    guess,
    right: (subject: GuessSubject) => guess(subject, true),
    /** Wrong so many times, each looked at. */
    async wrong(times: number, subject: GuessSubject): Promise<void> {
      for (let n = 0; n < times; n += 1) {
        const answer = await guess(subject);
        if (answer !== 'wrong') throw new Error(`guess ${n + 1} was not looked at: ${answer}`);
      }
    },
    /** Wrong once from each of so many addresses, so that only the account is in the way. Waits as long as it asks. */
    async botnet(times: number, account: string): Promise<void> {
      for (let n = 0; n < times; n += 1) {
        clock.advance(60_000);
        const answer = await guess({ address: anAddress(), account });
        if (answer !== 'wrong') throw new Error(`guess ${n + 1} was not looked at: ${answer}`);
      }
    },
    async close(): Promise<void> {
      blocks.close();
      await notices.close();
    },
  };
}

let addresses = 0;
/** One that no other test has used; of the block for benchmarks (RFC 2544), which is nobody's. */
export function anAddress(): string {
  addresses += 1;
  return `198.18.${addresses >> 8}.${addresses & 255}`;
}
