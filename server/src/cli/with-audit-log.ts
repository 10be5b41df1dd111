import { readFileSync } from 'node:fs';
import { askServer } from '../control/control-client.ts';
import { type NoteVerifier, parseVerifier } from '../lib/transparency/signed-note.ts';
import { listAuditKeys } from '../security/audit/audit-key.ts';
import type { Reader } from '../security/audit/tokens.ts';
import type { Transactions } from '../security/audit/transactions.types.ts';
import type { Stream } from './output.ts';
import { withDatabase } from './with-database.ts';
import { commandConfig } from './with-platform.ts';

export interface OpenLog {
  readonly keys: readonly NoteVerifier[];
  readonly transactions: Transactions;
  /** One transaction that sees the log as it is at one moment, however long it takes. */
  read<T>(work: (reader: Reader) => Promise<T>): Promise<T>;
}

/**
 * The audit log of this data folder, read by this process itself: what a running server says about its own log is no verification of it. With
 * no server running the database is started for as long as it takes, unless that could be in the way of a server that starts.
 */
export async function withAuditLog<T>(
  given: readonly string[] | undefined,
  work: (log: OpenLog) => Promise<T>,
  { startsDatabase = true }: { readonly startsDatabase?: boolean } = {},
): Promise<T> {
  return withDatabase(
    async ({ dataKeys, transactions }) => {
      const { readAcross } = transactions;
      const listed = async () => {
        const { dataKeys: keys } = await dataKeys();
        return readAcross((reader) => listAuditKeys(reader, keys));
      };
      const keys = given?.map(parseVerifier) ?? (await listed());
      return work({ keys, transactions, read: (reading) => readAcross(reading, { isOneMoment: true }) });
    },
    { startsDatabase },
  );
}

/** The keys of the installation here, while its server runs: nothing is made or started in order to find out. */
export async function installedKeys(): Promise<readonly NoteVerifier[]> {
  try {
    const { dataDir } = commandConfig();
    const place = await askServer(dataDir, 'database.place', { uid: process.getuid?.() ?? 0, input: {} });
    return place === null ? [] : await withAuditLog(undefined, async ({ keys }) => keys);
  } catch {
    // Of somebody else, or not well: it vouches for nothing.
    return [];
  }
}

/** A key as it is, or in a file. */
export const keyTexts = (given: readonly string[] | undefined): string[] | undefined =>
  given?.map((text) => (text.includes('+') ? text : readFileSync(text, 'utf8').trim()));

/** What is wrong, but does not end the work. */
export const complainOn =
  (terminal: Stream) =>
  (fault: string): void => {
    terminal.write(`valtronics: ${fault}\n`);
  };

/** How far it is, at most a few times a second, on one line of a terminal. */
export function progressOn(terminal: Stream): (origin: string, position: number, size: number) => void {
  let last = 0;
  return (origin, position, size) => {
    if (!terminal.isTTY || (performance.now() - last < 200 && position < size)) return;
    last = performance.now();
    terminal.write(`\r\u001b[K${origin}: ${position} of ${size}${position === size ? '\n' : ''}`);
  };
}
