import { randomBytes } from 'node:crypto';
import type { WalOutbox } from '../../../platform/db/wal-outbox.ts';
import { SEGMENT_BYTES, segmentAfter } from '../../../platform/db/wal-segments.ts';
import { BackupError } from '../backup-error.ts';
import { damaged, digestOf } from '../manifest.ts';
import { type ChainStore, segmentName } from './chain-store.ts';
import { keepSealed, sha256Of } from './seal-file.ts';
import { assertOurs, readNote, type Vouching, writeNote } from './vouched-note.ts';
import { forgetWalCursor, type LastSent, readWalCursor, type WalCursor, writeWalCursor } from './wal-cursor.ts';

/** What may wait on the disk of the database for a place that does not answer: over four hours at a segment a minute. */
const MOST_WAITING_BYTES = 4 * 1024 * 1024 * 1024;
/** The database's own word of what was sent is at most so old. Every word is log again, so there is not one for each segment. */
const RECORDED_EVERY_MS = 3_600_000;

export interface Sending {
  readonly outbox: WalOutbox;
  /** Fails while there is no way to the place. */
  openStore(): Promise<ChainStore>;
  readonly dataDir: string;
  readonly recipients: readonly string[];
  readonly vouching: Vouching;
  /** Puts a chain on record before anything is sent to it. */
  record(chain: string, place: string): Promise<void>;
  /** Puts on record how far a chain goes, so that it is known once the cursor is another's. */
  recordSent(chain: string, last: LastSent): Promise<void>;
  /** How much may wait; more than a test can wait for unless told. */
  readonly mostWaitingBytes?: number;
}

/** Told when it is seen, once: what fails behind it keeps nothing back, and is tried again without another word. */
export interface Interruptions {
  /** What was sent last and is not in the store as it was sent: somebody took it away, or altered it. */
  lost(name: string): void;
  /** The first that continues nothing, since what was before it was never sent. */
  gap(segment: string): void;
}

export interface SegmentSender {
  /**
   * Sends the first of what waits, in the order of the log; whether there was one. Only one, so that between them it is seen how much waits: a slow line
   * is no reason to fill the disk. Throws where it cannot; then the same is tried the next time.
   */
  send(signal: AbortSignal, tell: Interruptions): Promise<boolean>;
  readonly waitingBytes: () => number;
  /**
   * Gives up what waits where it is too much, or `isDiskFull`: the log of the database must not fill its own disk. The database loses nothing; moments
   * after the last segment that was sent cannot be gone back to, until there is a new base. How many segments were given up.
   */
  relieve(isDiskFull: boolean): Promise<number>;
}

/**
 * Sends finished segments to the store, each exactly once however often the process is killed: the file, then what is signed about it, then the
 * cursor, then the mark of PostgreSQL. Whatever comes after a kill finds the first of these that is missing and goes on from there.
 */
export function segmentSender(sending: Sending): SegmentSender {
  const { outbox, openStore, dataDir, recipients, vouching, mostWaitingBytes = MOST_WAITING_BYTES } = sending;
  /** Whether what lies in the store is known to be what the cursor says: not after a start, and not after an error. */
  let isCertain = false;
  /** By when it was finished; of no chain yet after a start. */
  let recorded: { readonly chain: string; readonly at: number } | undefined;
  /** The chain that was told to lead no further, until something is sent again. */
  let toldOf: string | undefined;

  async function begin(place: string): Promise<WalCursor> {
    const fresh = {
      system: outbox.system(),
      place,
      chain: randomBytes(8).toString('hex'),
      last: null,
    };
    await sending.record(fresh.chain, place);
    await writeWalCursor(dataDir, fresh);
    return fresh;
  }

  async function cursorNow(place: string): Promise<WalCursor> {
    const known = readWalCursor(dataDir);
    if (known && known.system === outbox.system() && known.place === place) return known;
    if (known) await recordEnd(known);
    return begin(place);
  }

  async function recordEnd({ chain, last }: WalCursor): Promise<void> {
    if (last) await sending.recordSent(chain, last);
  }

  async function recordNowAndThen(cursor: WalCursor): Promise<void> {
    const at = Date.parse(cursor.last?.finishedAt ?? '');
    if (recorded?.chain === cursor.chain && Math.abs(at - recorded.at) < RECORDED_EVERY_MS) return;
    await recordEnd(cursor);
    recorded = { chain: cursor.chain, at };
  }

  async function beginInPlaceOf(cursor: WalCursor, tell: () => void): Promise<WalCursor> {
    if (toldOf !== cursor.chain) tell();
    toldOf = cursor.chain;
    await recordEnd(cursor);
    return begin(cursor.place);
  }

  /** What is missing behind the last one that is left is missed by nobody but who sent it. */
  async function isStillThere(store: ChainStore, { chain, last }: { chain: string; last: LastSent }): Promise<boolean> {
    const name = segmentName(chain, last.segment);
    try {
      const text = await store.note(name);
      if (digestOf(text) !== last.note) return false;
      // What is in it is for a verification to read.
      if ((await store.bytes(name)) === readNote('segment', text, name).content.file.bytes) return true;
    } catch (error) {
      if (!(error instanceof BackupError && error.problem === 'damaged')) throw error;
    }
    // A place that is away fails here, and has lost nothing.
    await store.list();
    return false;
  }

  async function sendOne(store: ChainStore, segment: string, { chain, last }: WalCursor): Promise<LastSent> {
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
    return { segment, note: digestOf(text), finishedAt };
  }

  /** Signed before the process was killed, and the cursor knows nothing of it yet. Nobody but us can have signed it: else nothing goes on. */
  async function adopt(store: ChainStore, segment: string, name: string, previous: string | null): Promise<LastSent> {
    const text = await store.note(name);
    const read = readNote('segment', text, name);
    assertOurs('segment', read, vouching.keyRing);
    if (read.content.plain.sha256 !== (await sha256Of(outbox.read(segment))) || read.content.previous !== previous)
      throw damaged(name, 'it is not the segment that is here');
    return { segment, note: digestOf(text), finishedAt: read.content.finishedAt };
  }

  return {
    async send(signal, tell) {
      const store = await openStore();
      let cursor = await cursorNow(store.place);
      for (const segment of outbox.waiting()) {
        signal.throwIfAborted();
        const { chain, last } = cursor;
        if (last?.segment === segment) {
          outbox.release(segment);
          continue;
        }
        // What comes now would lead nowhere: a chain of its own and, with it, another base.
        if (last && !(await isStillThere(store, { chain, last })))
          cursor = await beginInPlaceOf(cursor, () => tell.lost(segmentName(chain, last.segment)));
        // Archiving was off for a while, or something was given up.
        else if (last && segment !== segmentAfter(last.segment))
          cursor = await beginInPlaceOf(cursor, () => tell.gap(segment));
        cursor = { ...cursor, last: await sendOne(store, segment, cursor) };
        await writeWalCursor(dataDir, cursor);
        isCertain = true;
        toldOf = undefined;
        await recordNowAndThen(cursor);
        outbox.release(segment);
        return true;
      }
      return false;
    },

    waitingBytes: () => outbox.waiting().length * SEGMENT_BYTES,

    async relieve(isDiskFull) {
      const waiting = outbox.waiting();
      if (waiting.length === 0 || (!isDiskFull && waiting.length * SEGMENT_BYTES <= mostWaitingBytes)) return 0;
      const cursor = readWalCursor(dataDir);
      // The disk comes first: without it what is known of this chain's end is up to an hour old.
      if (cursor) await recordEnd(cursor).catch(() => undefined);
      // What is sent next begins a chain, wherever and whenever that is.
      forgetWalCursor(dataDir);
      isCertain = false;
      for (const segment of waiting) outbox.release(segment);
      return waiting.length;
    },
  };
}
