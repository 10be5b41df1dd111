import { bufferOf } from '../thread-answers.ts';
import type { OpenedCheckpoint } from './checkpoint.ts';
import { HASH_BYTES, type Hash, type Head, leafHash, rootOf } from './merkle.ts';
import { createSelfAccount } from './self-account.ts';
import type { Look, SoundTile } from './sound-tile.ts';
import { createEdge, type Edge, hashAt, hashesIn, TILE_WIDTH, type TileReader } from './tiles.ts';
import { type Told, toldFindings } from './told-findings.ts';

// Walks a log from its first leaf to its last and compares: each leaf with its hash, the hashes with the tiles, the root at every size that
// was ever signed with what was signed. It needs nothing but what is in the log and the checkpoints somebody trusts.

export interface StoredLeaf {
  readonly position: number;
  /** As it is kept beside the leaf, where it is. */
  readonly hash: Buffer | undefined;
  /** Null: pruned. */
  readonly entry: Buffer | null;
}

export interface LogSource {
  readonly origin: string;
  readonly size: number;
  readonly tile: TileReader;
  /** In order; what is missing is left out. */
  leaves(from: number, to: number): Promise<readonly StoredLeaf[]>;
  /** Looks at the leaves from where a tile begins on, and at what people see beside them. Asked ahead of the walk, for one part after the other. */
  look(from: number, to: number): Promise<Look>;
  /** How many parts it looks at at once. */
  readonly looksAtOnce: number;
}

export const findingKinds = {
  edited: 'is not what was logged',
  missing: 'was deleted',
  reordered: 'stands where another was logged',
  row_edited: 'is shown otherwise than it was logged',
  row_missing: 'was deleted from the table of events',
  row_inserted: 'was inserted past the log',
  row_blanked: 'had personal values taken away that no erasure in the log accounts for',
  twice: 'was logged at another position as well',
  truncated: 'and all after it were cut off, or an older backup was restored',
  rewritten: 'is not what was signed',
  tile_edited: 'lies below a tile that was changed',
} as const;

export type FindingKind = keyof typeof findingKinds;

export interface Finding {
  readonly kind: FindingKind;
  /** The first position that is bad; null where it has none. */
  readonly position: number | null;
  /** Where the exact one cannot be told: it lies before this one. */
  readonly before?: number;
  /** What the log itself signed still fits up to here: where it began, if the key has not signed two histories. */
  readonly likely?: number;
  readonly eventId?: string;
}

export interface Expected extends Head {
  /** From outside of what is verified. */
  readonly isTrusted: boolean;
}

export interface LogVerdict extends Told {
  readonly origin: string;
  readonly size: number;
  readonly root: Hash;
  /** Events below were removed by declared retention. */
  readonly prunedBelow: number;
  readonly checkpoints: number;
  /** The largest size a checkpoint from outside vouches for. */
  readonly trustedSize: number;
  /** Checkpoints of other trees that this log holds. */
  readonly logged: readonly string[];
}

const TILES_AT_ONCE = 16;

const isOfLeaf = (kind: Finding['kind']): boolean => kind === 'edited' || kind === 'missing' || kind === 'reordered';

export async function verifyLog(
  source: LogSource,
  expected: readonly Expected[],
  onProgress: (position: number, size: number) => void = () => {},
): Promise<LogVerdict> {
  const [found, foundOfRows] = [toldFindings(), toldFindings()];
  const heads = [...expected].sort((a, b) => a.size - b.size);
  const edge = createEdge();
  const account = createSelfAccount(source.origin);
  let gone: { readonly from: number; to: number } | undefined;
  /** What is missing before the first event that is kept, which may have been pruned, and what is missing after it. */
  const [missingBefore, missingAfter] = [toldFindings(), toldFindings()];
  let nextHead = 0;
  let lastGood = 0;
  let lastTrusted = 0;
  let isRewritten = false;

  /** Before what is kept there is read. */
  function closeGap(): void {
    if (gone === undefined) return;
    const { from, to } = gone;
    (account.hasRead() ? missingAfter : missingBefore).add({
      kind: 'missing',
      position: from,
      ...(to - from > 1 ? { before: to } : {}),
    });
    gone = undefined;
  }

  /** Of the tree whose head is compared next. */
  const nextSize = (): number => heads[nextHead]?.size ?? Number.POSITIVE_INFINITY;

  function compareHeads(): void {
    for (let head = heads[nextHead]; head !== undefined && head.size <= edge.size; head = heads[nextHead]) {
      nextHead += 1;
      if (isRewritten) continue;
      const isGood = head.root.equals(edge.root());
      if (isGood && head.isTrusted) lastTrusted = head.size;
      else if (!isGood) rewritten(head);
    }
    // Only now: of two heads of one size, one good and one bad, the good one says nothing of where the bad one parted.
    if (!isRewritten) lastGood = edge.size;
  }

  function rewritten({ size, isTrusted }: Expected): void {
    isRewritten = true;
    const position = isTrusted ? lastTrusted : lastGood;
    // Where single leaves are known to differ, that the root does too says no more.
    if (
      found
        .told()
        .findings.some(({ kind, position: at }) => isOfLeaf(kind) && at !== null && at >= position && at < size)
    )
      return;
    found.add({ kind: 'rewritten', position, before: size, ...(position === lastGood ? {} : { likely: lastGood }) });
  }

  async function appendAll(hashes: readonly Hash[]): Promise<void> {
    for (const hash of hashes) {
      for (const tile of edge.append(hash)) await compareTile(tile);
      if (nextSize() <= edge.size) compareHeads();
    }
  }

  async function compareTile({ level, number, hashes }: ReturnType<Edge['append']>[number]): Promise<void> {
    if (level === 0) return;
    const kept = await source.tile({ level, number, width: TILE_WIDTH });
    if (!kept.equals(hashes)) found.add({ kind: 'tile_edited', position: number * TILE_WIDTH ** (level + 1) });
  }

  /** A tile against its root one level up: where leaf and tile differ, this tells which of them was touched. */
  async function isGoodTile(number: number, hashes: readonly Hash[]): Promise<boolean> {
    const width = (number % TILE_WIDTH) + 1;
    const above = await source.tile({ level: 1, number: Math.floor(number / TILE_WIDTH), width });
    return above.length >= width * HASH_BYTES && rootOf(hashes).equals(hashAt(above, width - 1));
  }

  async function appendSound({ hashes, root, telling }: SoundTile): Promise<void> {
    closeGap();
    for (const { position, entry } of telling) account.read(position, bufferOf(entry));
    // A root that was signed may lie within.
    if (nextSize() < edge.size + TILE_WIDTH) return appendAll(hashesIn(bufferOf(hashes)));
    for (const tile of edge.appendTile(bufferOf(hashes), bufferOf(root))) await compareTile(tile);
    if (nextSize() <= edge.size) compareHeads();
  }

  /** Leaf by leaf. False: what is there of the log ends here. */
  async function appendOdd(first: number, width: number): Promise<boolean> {
    const tile = await source.tile({ level: 0, number: first / TILE_WIDTH, width });
    const leaves = new Map((await source.leaves(first, first + width)).map((leaf) => [leaf.position, leaf]));
    const hashes: Hash[] = [];
    const odd: { position: number; now: Hash; logged: Hash }[] = [];
    for (let position = first; position < first + width; position += 1) {
      const leaf = leaves.get(position);
      const inTile = tile.length >= (position - first + 1) * HASH_BYTES ? hashAt(tile, position - first) : undefined;
      const kept = inTile ?? leaf?.hash;
      if (leaf === undefined || leaf.entry === null) {
        gone ??= { from: position, to: position };
        gone.to = position + 1;
        if (kept === undefined) return false;
        hashes.push(kept);
        continue;
      }
      closeGap();
      const now = leafHash(leaf.entry);
      const beside = leaf.hash ?? now;
      if (now.equals(kept ?? now) && now.equals(beside)) {
        hashes.push(now);
        account.read(position, leaf.entry);
      } else {
        odd.push({ position, now, logged: kept ?? now });
        hashes.push(kept ?? beside);
      }
    }
    if (odd.length > 0 && width === TILE_WIDTH && !(await isGoodTile(first / TILE_WIDTH, hashes))) {
      for (const { position, now } of odd) hashes[position - first] = now;
    }
    for (const { position, now } of odd) {
      const isElsewhere = odd.some((other) => other.position !== position && other.logged.equals(now));
      found.add({ kind: isElsewhere ? 'reordered' : 'edited', position });
    }
    await appendAll(hashes);
    return true;
  }

  compareHeads();
  walk: for await (const { from, to, look } of looksAt(source)) {
    for (const finding of look.odd) foundOfRows.add(finding);
    for (let first = from; first < to; first += TILE_WIDTH) {
      const sound = look.sound[(first - from) / TILE_WIDTH];
      const width = Math.min(TILE_WIDTH, to - first);
      if (sound && width === TILE_WIDTH) await appendSound(sound);
      else if (!(await appendOdd(first, width))) break walk;
    }
    onProgress(to, source.size);
  }
  const prunedBelow = account.prunedBelow();
  closeGap();
  const missing = toldFindings(prunedBelow > 0 ? undefined : missingBefore.told());
  missing.addAll(missingAfter.told());
  found.addAll(missing.told());
  // What was signed is not there any more. Which of it went first is where the log ends now.
  const cutOff = heads.slice(nextHead).find(({ size }) => size > edge.size);
  if (cutOff && missing.told().findings.length === 0)
    found.add({ kind: 'truncated', position: edge.size, before: cutOff.size });
  // What is wrong with a leaf stands before what is wrong with its row.
  found.addAll(foundOfRows.told());
  const { findings, more } = found.told();

  return {
    origin: source.origin,
    size: edge.size,
    root: edge.root(),
    findings: findings.toSorted((a, b) => (a.position ?? Number.MAX_VALUE) - (b.position ?? Number.MAX_VALUE)),
    more,
    prunedBelow,
    checkpoints: heads.length,
    trustedSize: Math.max(0, ...heads.filter(({ isTrusted }) => isTrusted).map(({ size }) => size)),
    logged: account.logged,
  };
}

/** What is seen of a log, part by part, of which some are always on their way. Whatever ends it, none is once it has ended. */
async function* looksAt(source: LogSource): AsyncGenerator<{ from: number; to: number; look: Look }> {
  const begun: { from: number; to: number; look: Promise<Look> }[] = [];
  try {
    for (let from = 0; from < source.size || begun.length > 0; ) {
      for (; from < source.size && begun.length < source.looksAtOnce; from += TILES_AT_ONCE * TILE_WIDTH) {
        const to = Math.min(from + TILES_AT_ONCE * TILE_WIDTH, source.size);
        const look = source.look(from, to);
        // Of one that fails, whoever waits for it below hears, and else nobody needs to.
        look.catch(() => undefined);
        begun.push({ from, to, look });
      }
      const next = begun.shift();
      if (next) yield { ...next, look: await next.look };
    }
  } finally {
    await Promise.allSettled(begun.map(({ look }) => look));
  }
}

export const expectedOf = (checkpoint: OpenedCheckpoint, isTrusted: boolean): Expected => ({
  size: checkpoint.size,
  root: checkpoint.root,
  isTrusted,
});
