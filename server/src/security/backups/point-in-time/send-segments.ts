import { createHash, randomBytes } from 'node:crypto';
import type { WalOutbox } from '../../../platform/db/wal-outbox.ts';
import { SEGMENT_BYTES, segmentAfter } from '../../../platform/db/wal-segments.ts';
import { damaged, digestOf } from '../manifest.ts';
import { type ChainStore, segmentName } from './chain-store.ts';
import { keepSealed } from './seal-file.ts';
import { assertOurs, readNote, type Vouching, writeNote } from './vouched-note.ts';
import { forgetWalCursor, readWalCursor, type WalCursor, writeWalCursor } from './wal-cursor.ts';

/** What may wait on the disk of the database for a place that does not answer: over four hours at a segment a minute. */
const MOST_WAITING_BYTES = 4 * 1024 * 1024 * 1024;

export interface Sending {
  readonly outbox: WalOutbox;
  /** Fails while there is no way to the place. */
  openStore(): Promise<ChainStore>;
  readonly dataDir: string;
  readonly recipients: readonly string[];
  readonly vouching: Vouching;
  /** Puts a chain on record before anything is sent to it. */
  record(chain: string, place: string): Promise<void>;
}

export interface SegmentSender {
  /** Sends what waits, in the order of the log. Throws where it cannot; then the same is tried the next time. */
  send(signal: AbortSignal): Promise<{ readonly sent: number; readonly gapBefore: string | undefined }>;
  readonly waitingBytes: () => number;
  /**
   * Gives up what waits where it is too much, or `isDiskFull`: the log of the database must not fill its own disk. The database loses nothing; moments
   * after the last segment that was sent cannot be gone back to, until there is a new base. How many segments were given up.
   */
  relieve(isDiskFull: boolean): number;
}

/**
 * Sends finished segments to the store, each exactly once however often the process is killed: the file, then what is signed about it, then the
 * cursor, then the mark of PostgreSQL. Whatever comes after a kill finds the first of these that is missing and goes on from there.
 */
export function segmentSender({ outbox, openStore, dataDir, recipients, vouching, record }: Sending): SegmentSender {
  /** Whether what lies in the store is known to be what the cursor says: not after a start, and not after an error. */
  let isCertain = false;

  async function begin(place: string): Promise<WalCursor> {
    const fresh = {
      system: outbox.system(),
      place,
      chain: randomBytes(8).toString('hex'),
      last: null,
    };
    await record(fresh.chain, place);
    await writeWalCursor(dataDir, fresh);
    return fresh;
  }

  async function cursorNow(place: string): Promise<WalCursor> {
    const known = readWalCursor(dataDir);
    return known && known.system === outbox.system() && known.place === place ? known : begin(place);
  }

  async function sendOne(store: ChainStore, segment: string, { chain, last }: WalCursor): Promise<string> {
    const name = segmentName(chain, segment);
    const previous = last?.note ?? null;
    if (!isCertain) {
      if (await store.hasNote(name)) return adopt(store, segment, name, previous);
      // Of a process that was killed before it signed: another try is encrypted anew and would be refused.
      await store.removeFile(name);
    }
    isCertain = false;
    const finishedAt = outbox.finishedAt(segment).toISOString();
    const { file, plain } = await keepSealed(store, name, outbox.read(segment), recipients);
    const text = writeNote('segment', { name, chain, segment, finishedAt, file, plain, previous }, vouching);
    await store.keepNote(name, text);
    return digestOf(text);
  }

  /** Signed before the process was killed, and the cursor knows nothing of it yet. Nobody but us can have signed it: else nothing goes on. */
  async function adopt(store: ChainStore, segment: string, name: string, previous: string | null): Promise<string> {
    const text = await store.note(name);
    const read = readNote('segment', text, name);
    assertOurs('segment', read, vouching.keyRing);
    const digest = createHash('sha256');
    for await (const block of outbox.read(segment)) digest.update(block);
    if (read.content.plain.sha256 !== digest.digest('hex') || read.content.previous !== previous)
      throw damaged(name, 'it is not the segment that is here');
    return digestOf(text);
  }

  return {
    async send(signal) {
      const store = await openStore();
      let cursor = await cursorNow(store.place);
      let [sent, gapBefore]: [number, string | undefined] = [0, undefined];
      for (const segment of outbox.waiting()) {
        signal.throwIfAborted();
        const { last } = cursor;
        if (last?.segment !== segment) {
          if (last && segment !== segmentAfter(last.segment)) {
            // Archiving was off for a while, or something was given up: what comes now continues nothing.
            cursor = await begin(store.place);
            gapBefore ??= segment;
          }
          const note = await sendOne(store, segment, cursor);
          cursor = { ...cursor, last: { segment, note } };
          await writeWalCursor(dataDir, cursor);
          isCertain = true;
          sent += 1;
        }
        outbox.release(segment);
      }
      return { sent, gapBefore };
    },

    waitingBytes: () => outbox.waiting().length * SEGMENT_BYTES,

    relieve(isDiskFull) {
      const waiting = outbox.waiting();
      if (waiting.length === 0 || (!isDiskFull && waiting.length * SEGMENT_BYTES <= MOST_WAITING_BYTES)) return 0;
      // What is sent next begins a chain, wherever and whenever that is.
      forgetWalCursor(dataDir);
      isCertain = false;
      for (const segment of waiting) outbox.release(segment);
      return waiting.length;
    },
  };
}
