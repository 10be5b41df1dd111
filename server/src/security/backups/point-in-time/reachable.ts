import type { NoteVerifier } from '../../../lib/transparency/signed-note.ts';
import { segmentAfter } from '../../../platform/db/wal-segments.ts';
import type { KeyRing } from '../../crypto/key-ring.ts';
import { BackupError } from '../backup-error.ts';
import { damaged, digestOf } from '../manifest.ts';
import { type ChainStore, segmentName } from './chain-store.ts';
import { assertOurs, type BaseNote, type ReadNote, readNote, type SegmentNote } from './vouched-note.ts';
import type { LastSent } from './wal-cursor.ts';

/** Moments that a base and the log behind it lead to. */
export interface Reachable {
  readonly base: BaseNote;
  readonly from: Date;
  /** Undefined: the log it needs itself is not there, or not yet. */
  readonly until: Date | undefined;
  /** The last segment without one missing before it. */
  readonly last: string | undefined;
  /** The first segment that is missing before others that are there. */
  readonly missing: string | undefined;
}

/** What the notes say, oldest base first; whether they are to be believed is another question. Those that cannot be read are left out. */
export async function listReachable(store: ChainStore): Promise<Reachable[]> {
  const { bases, chains } = await store.list();
  const found: Reachable[] = [];
  for (const name of bases) {
    try {
      const { content: base } = readNote('base', await store.note(name), name);
      found.push(await reachableFrom(store, base, chains.get(base.chain) ?? []));
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
    }
  }
  return found;
}

async function reachableFrom(store: ChainStore, base: BaseNote, chain: readonly string[]): Promise<Reachable> {
  const there = new Set(chain);
  let last: string | undefined;
  let next = base.from.segment;
  for (; there.has(next); next = segmentAfter(next)) last = next;
  const isGap = chain.some((segment) => segment > next);
  const name = segmentName(base.chain, last ?? '');
  const until =
    last === undefined || last < base.to.segment
      ? undefined
      : new Date(readNote('segment', await store.note(name), name).content.finishedAt);
  return {
    base,
    from: new Date(base.endedAt),
    until,
    last,
    missing: isGap ? segmentName(base.chain, next) : undefined,
  };
}

/**
 * What is known to be missing of the log behind a base, and whether the log is shorter than what was sent of its chain. What was sent before the base needs
 * it is no part of it: behind a base that is new nothing is sent yet.
 */
export function missingOf(
  { base, last, missing }: Pick<Reachable, 'last' | 'missing'> & { readonly base: Pick<BaseNote, 'chain' | 'from'> },
  sent: LastSent | undefined,
): { readonly missing: string | null; readonly isShort: boolean } {
  const isShort =
    sent !== undefined && sent.segment >= base.from.segment && (last === undefined || last < sent.segment);
  return { missing: missing ?? (isShort ? segmentName(base.chain, sent.segment) : null), isShort };
}

export interface Route {
  readonly base: ReadNote<'base'>;
  /** All that are needed, in order. */
  readonly segments: readonly SegmentNote[];
  /** All that was acknowledged before this is in them. */
  readonly until: Date;
}

export interface Asked {
  readonly at: Date;
  /** The newest base before that unless told. */
  readonly name: string | undefined;
  readonly keyRing: KeyRing;
  /** One of these must have signed all of it. */
  readonly keys: readonly NoteVerifier[] | undefined;
}

/** Which base and which segments lead to a moment, each of them found to be ours. Throws a BackupError that says what to do. */
export async function routeTo(store: ChainStore, { at, name, keyRing, keys }: Asked): Promise<Route> {
  const reachable = await listReachable(store);
  const chosen =
    name === undefined
      ? reachable.findLast(({ from }) => from <= at)
      : reachable.find(({ base }) => base.name === name);
  if (!chosen) {
    const [oldest] = reachable;
    throw new BackupError(
      'unusable',
      name !== undefined
        ? `there is no ${name} in ${store.place}`
        : oldest === undefined
          ? `there is no base in ${store.place}: "backup create --base" makes one`
          : `the oldest moment that can be gone back to is ${oldest.base.endedAt}, when ${oldest.base.name} was complete`,
    );
  }
  if (chosen.from > at)
    throw new BackupError('unusable', `${chosen.base.name} was complete only at ${chosen.base.endedAt}`);
  const base = readNote('base', await store.note(chosen.base.name), chosen.base.name);
  assertOurs('base', base, keyRing, keys);
  return { base, ...(await segmentsTo(store, base.content, at, { keyRing, keys })) };
}

async function segmentsTo(
  store: ChainStore,
  base: BaseNote,
  at: Date,
  { keyRing, keys }: Pick<Asked, 'keyRing' | 'keys'>,
): Promise<Omit<Route, 'base'>> {
  const chain = (await store.list()).chains.get(base.chain) ?? [];
  const there = new Set(chain);
  const newest = chain.at(-1) ?? '';
  const segments: SegmentNote[] = [];
  let previous: string | undefined;
  // One more than what holds the moment, where there is one: by it PostgreSQL sees that it has come to the moment.
  let isBehind = false;
  for (let segment = base.from.segment; ; segment = segmentAfter(segment)) {
    const name = segmentName(base.chain, segment);
    if (!there.has(segment)) {
      if (segment < newest)
        throw damaged(name, `it is missing, and there are newer ones of its chain in ${store.place}`);
      break;
    }
    const text = await store.note(name);
    const read = readNote('segment', text, name);
    assertOurs('segment', read, keyRing, keys);
    if (previous !== undefined && read.content.previous !== previous)
      throw damaged(name, 'the one before it is not the one that was before it when it was made');
    previous = digestOf(text);
    segments.push(read.content);
    if (isBehind) break;
    isBehind = segment >= base.to.segment && new Date(read.content.finishedAt) >= at;
  }
  const last = segments.at(-1);
  if (last === undefined || last.segment < base.to.segment)
    throw new BackupError(
      'unusable',
      `the log that ${base.name} needs is not in ${store.place} yet: it is sent within a minute while the server runs`,
    );
  const until = new Date(last.finishedAt);
  if (until < at)
    throw new BackupError(
      'unusable',
      `the newest moment that can be gone back to from ${base.name} is ${last.finishedAt}: what came after was not sent`,
    );
  return { segments, until };
}
