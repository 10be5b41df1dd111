import type { NoteVerifier } from '../../../lib/transparency/signed-note.ts';
import { segmentAfter } from '../../../platform/db/wal-segments.ts';
import type { KeyRing } from '../../crypto/key-ring.ts';
import { BackupError, type BackupProblem } from '../backup-error.ts';
import { assertSigned, damaged, digestOf } from '../manifest.ts';
import type { ReadingOptions } from '../open-backup.ts';
import { type ChainStore, segmentName } from './chain-store.ts';
import type { RecordedBase } from './point-in-time.repository.ts';
import { checkSealed, openSealed } from './seal-file.ts';
import { assertOurs, type NoteOf, type ReadNote, readNote } from './vouched-note.ts';
import { type LastSent, readWalCursor } from './wal-cursor.ts';

/** What is known to have been sent, where whoever can write to the store cannot change it: by chain, the last one. */
export type KnownSent = ReadonlyMap<string, LastSent>;

export interface BaseVerdict {
  readonly name: string;
  readonly checked: 'contents' | 'file';
  /** The first thing that is wrong, from the base on. */
  readonly fault: string | null;
  readonly problem: BackupProblem | null;
  /** Moments that are reached all the same; null: none. */
  readonly moments: { readonly from: string; readonly until: string } | null;
  /** Of the log behind it that are good, without one missing. */
  readonly segments: number;
}

export interface ChainCheck {
  readonly store: ChainStore;
  /** One of these must have signed all of it. */
  readonly keys: readonly NoteVerifier[];
  /** Has to vouch for all of it; undefined where only the public key is at hand, as without an installation. */
  readonly keyRing: KeyRing | undefined;
  /** None: the encrypted files are held against their digests. */
  readonly identities: readonly string[];
  readonly recorded: readonly RecordedBase[];
  /** Read before the store is: it is said after the segment is there. */
  readonly sent: KnownSent;
  readonly options: ReadingOptions;
}

interface GoodSegment {
  readonly digest: string;
  readonly previous: string | null;
  readonly finishedAt: string;
}

/** The cursor of this data folder knows more than the database, which hears of it once an hour, but only of the chain that is sent to now. */
export function sentFrom(dataDir: string, place: string, recorded: KnownSent = new Map()): KnownSent {
  const cursor = readWalCursor(dataDir);
  return cursor?.last && cursor.place === place ? new Map([...recorded, [cursor.chain, cursor.last]]) : recorded;
}

/** Looks at bases and at the log behind each: that nothing is missing, and that all of it is what was made. Each segment is read once. */
export async function checkChains(check: ChainCheck, names: readonly string[]): Promise<BaseVerdict[]> {
  const { chains } = await check.store.list();
  const judged = new Map<string, GoodSegment | BackupError>();
  const verdicts: BaseVerdict[] = [];
  for (const name of names) verdicts.push(await checkBase(check, name, chains, judged));
  return verdicts;
}

async function checkBase(
  check: ChainCheck,
  name: string,
  chains: ReadonlyMap<string, readonly string[]>,
  judged: Map<string, GoodSegment | BackupError>,
): Promise<BaseVerdict> {
  const checked = check.identities.length > 0 ? 'contents' : 'file';
  try {
    const base = await readBase(check, name);
    const walked = await walk(check, base, chains.get(base.chain) ?? [], judged);
    const { fault, last, segments } = walked;
    const isReached = last !== undefined && last.segment >= base.to.segment;
    const moments = isReached ? { from: base.endedAt, until: last.finishedAt } : null;
    return { name, checked, fault: fault?.message ?? null, problem: fault?.problem ?? null, moments, segments };
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return { name, checked, fault: error.message, problem: error.problem, moments: null, segments: 0 };
  }
}

async function readBase(check: ChainCheck, name: string): Promise<NoteOf<'base'>> {
  const { store, recorded, options } = check;
  const known = recorded.find((base) => base.name === name);
  if (known && !(await store.hasNote(name))) throw damaged(name, `it is gone from ${store.place}`);
  const text = await store.note(name);
  const read = readNote('base', text, name);
  assertBelieved(check, 'base', read);
  if (known && known.manifest !== digestOf(text))
    throw damaged(name, 'its manifest is not the one that the audit log has on record');
  await checkBytes(check, read.content, options);
  return read.content;
}

/** From the base to the end of its chain, or to the first that is not good. */
async function walk(
  check: ChainCheck,
  base: NoteOf<'base'>,
  chain: readonly string[],
  judged: Map<string, GoodSegment | BackupError>,
) {
  const { store, sent: known } = check;
  const sent = known.get(base.chain);
  const there = new Set(chain);
  let last: { readonly segment: string; readonly finishedAt: string } | undefined;
  let previous: string | undefined;
  let segments = 0;
  for (let segment = base.from.segment; ; segment = segmentAfter(segment)) {
    const name = segmentName(base.chain, segment);
    if (!there.has(segment)) {
      const fault = missing(store, { name, segment, base, newest: chain.at(-1), last, sent });
      return { fault, last, segments };
    }
    const found = judged.get(name) ?? (await judge(check, name));
    judged.set(name, found);
    const fault =
      found instanceof BackupError
        ? found
        : previous !== undefined && found.previous !== previous
          ? damaged(name, 'the one before it is not the one that was before it when it was made')
          : segment === sent?.segment && found.digest !== sent.note
            ? damaged(name, 'it is not the one that was sent')
            : undefined;
    if (fault || found instanceof BackupError) return { fault, last, segments };
    previous = found.digest;
    last = { segment, finishedAt: found.finishedAt };
    segments += 1;
  }
}

/** Why there is nothing in this place; undefined where nothing was to be there. */
function missing(
  { place }: ChainStore,
  {
    name,
    segment,
    base,
    newest = '',
    last,
    sent,
  }: {
    name: string;
    segment: string;
    base: NoteOf<'base'>;
    newest: string | undefined;
    last: { readonly segment: string } | undefined;
    sent: LastSent | undefined;
  },
): BackupError | undefined {
  if (segment < newest) return damaged(name, `it is missing, and there are newer ones of its chain in ${place}`);
  if (sent && segment <= sent.segment)
    return damaged(
      name,
      `it is missing, and the log was sent to ${place} up to ${sent.segment}${sent.finishedAt === undefined ? '' : ` of ${sent.finishedAt}`}`,
    );
  if (last !== undefined && last.segment >= base.to.segment) return undefined;
  return new BackupError(
    'unusable',
    `the log that ${base.name} needs is not in ${place} yet: it is sent within a minute while the server runs`,
  );
}

async function judge(check: ChainCheck, name: string): Promise<GoodSegment | BackupError> {
  try {
    const text = await check.store.note(name);
    const read = readNote('segment', text, name);
    assertBelieved(check, 'segment', read);
    await checkBytes(check, read.content, check.options);
    return { digest: digestOf(text), previous: read.content.previous, finishedAt: read.content.finishedAt };
  } catch (error) {
    if (error instanceof BackupError && error.problem !== 'unusable') return error;
    throw error;
  }
}

function assertBelieved<K extends 'base' | 'segment'>({ keyRing, keys }: ChainCheck, kind: K, read: ReadNote<K>): void {
  if (keyRing) assertOurs(kind, read, keyRing, keys);
  else assertSigned({ manifest: read.content, note: read.note }, keys);
}

async function checkBytes(
  { store, identities }: ChainCheck,
  content: NoteOf<'base'> | NoteOf<'segment'>,
  options: ReadingOptions,
): Promise<void> {
  if (identities.length === 0) return checkSealed(store, content, options);
  for await (const _ of openSealed(store, content, { ...options, identities }));
}
