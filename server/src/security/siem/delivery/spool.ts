import { mkdir, open, readdir, readFile, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoredEvent } from '../destination.ts';

/** Events of one destination on disk, while their receiver is away. */
export interface Spool {
  /** Every event of the destination behind `from` and up to `to` is here; undefined: nothing is. */
  range(): { readonly from: number; readonly to: number } | undefined;
  bytes(): number;
  /** Behind what is here, or as the first: behind `from`. Durable when it resolves; false: there is no room left, and nothing was kept. */
  append(from: number, events: readonly StoredEvent[]): Promise<boolean>;
  /** The next events behind a position within the range. */
  read(after: number, limit: number): Promise<StoredEvent[]>;
  /** Lets go of what has arrived. */
  trim(settled: number): Promise<void>;
  /** Removes all of it. */
  clear(): Promise<void>;
}

interface Segment {
  readonly from: number;
  to: number;
  bytes: number;
}

const SEGMENT_BYTES = 4 * 1024 * 1024;
const MOST_BYTES = 256 * 1024 * 1024;
const NAME = /^(\d{1,16})\.jsonl$/;

/**
 * Files of one event a line, each named by the position it begins behind. They hold events and not what is made of them, so a destination
 * that is mended sends them the new way. A line that a crash cut short is taken off at the next start: it is in the database still, which
 * is asked from the last whole line on. `roomLeft` is what all spools together may still take.
 */
export async function openSpool(
  folder: string,
  { mostBytes = MOST_BYTES, segmentBytes = SEGMENT_BYTES, roomLeft = () => mostBytes } = {},
): Promise<Spool> {
  const segments: Segment[] = await findSegments(folder);
  let parsed: { readonly from: number; readonly events: readonly StoredEvent[] } | undefined;
  const pathOf = ({ from }: Pick<Segment, 'from'>): string => join(folder, `${from}.jsonl`);

  const range: Spool['range'] = () => {
    const [first, last] = [segments[0], segments.at(-1)];
    return first && last ? { from: first.from, to: last.to } : undefined;
  };
  const bytes = (): number => segments.reduce((sum, segment) => sum + segment.bytes, 0);

  async function eventsOf(segment: Segment): Promise<readonly StoredEvent[]> {
    // Batch after batch is read from the same file.
    if (parsed?.from === segment.from) return parsed.events;
    const events = parseLines(await readFile(pathOf(segment), 'utf8')).events;
    parsed = { from: segment.from, events };
    return events;
  }

  return {
    range,
    bytes,

    async append(from, events) {
      const last = events.at(-1);
      if (last === undefined) return true;
      const text = events.map((stored) => `${JSON.stringify(stored)}\n`).join('');
      const size = Buffer.byteLength(text);
      if (bytes() + size > mostBytes || size > roomLeft()) return false;
      const before = segments.at(-1);
      const isFirst = before === undefined || before.bytes >= segmentBytes;
      const segment = isFirst ? { from: before?.to ?? from, to: before?.to ?? from, bytes: 0 } : before;
      if (isFirst) await mkdir(folder, { recursive: true, mode: 0o700 });
      parsed = parsed?.from === segment.from ? undefined : parsed;
      const file = await open(pathOf(segment), 'a', 0o600);
      try {
        // What an append left that failed, and could not take back either, is no part of the order.
        await file.truncate(segment.bytes);
        await file.appendFile(text);
        await file.datasync();
      } catch (error) {
        // Half a batch would be no order: back to what was whole.
        await file.truncate(segment.bytes).catch(() => undefined);
        throw error;
      } finally {
        await file.close();
      }
      // A file that could not be written is none to read from.
      if (isFirst) segments.push(segment);
      segment.bytes += size;
      segment.to = last.position;
      return true;
    },

    async read(after, limit) {
      const found: StoredEvent[] = [];
      for (const segment of segments) {
        if (segment.to <= after) continue;
        for (const stored of await eventsOf(segment)) {
          if (stored.position <= after) continue;
          found.push(stored);
          if (found.length >= limit) return found;
        }
      }
      return found;
    },

    async trim(settled) {
      while (segments[0] !== undefined && segments[0].to <= settled) {
        await rm(pathOf(segments[0]), { force: true });
        segments.shift();
      }
    },

    async clear() {
      segments.splice(0);
      parsed = undefined;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function findSegments(folder: string): Promise<Segment[]> {
  const names = await readdir(folder).catch(() => []);
  const starts = names.flatMap((name) => NAME.exec(name)?.[1] ?? []).map(Number);
  const segments: Segment[] = [];
  for (const from of starts.sort((a, b) => a - b)) {
    const path = join(folder, `${from}.jsonl`);
    const before = segments.at(-1);
    const { events, bytes, isWhole } = parseLines(await readFile(path, 'utf8'));
    const last = events.at(-1);
    // What does not follow on from the one before, or holds nothing, is no part of the order; the database has it.
    if (last === undefined || (before !== undefined && before.to !== from)) {
      await rm(path, { force: true });
      continue;
    }
    if (!isWhole) await truncate(path, bytes);
    segments.push({ from, to: last.position, bytes });
  }
  return segments;
}

/** The events of the whole lines there are, up to the first that is none. */
function parseLines(text: string): { events: StoredEvent[]; bytes: number; isWhole: boolean } {
  const events: StoredEvent[] = [];
  let start = 0;
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
    const stored = parseLine(text.slice(start, end));
    if (stored === undefined) break;
    events.push(stored);
    start = end + 1;
  }
  return { events, bytes: Buffer.byteLength(text.slice(0, start)), isWhole: start === text.length };
}

function parseLine(line: string): StoredEvent | undefined {
  try {
    const { position, event } = JSON.parse(line) as { position: number; event: StoredEvent['event'] };
    if (!Number.isSafeInteger(position)) return undefined;
    return { position, event: { ...event, at: new Date(event.at) } };
  } catch {
    return undefined;
  }
}
