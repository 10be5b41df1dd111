import { canonicalJson } from '../../lib/canonical-json.ts';
import { newLeaf } from '../../lib/transparency/audit-leaf.ts';
import { checkpointText, openCheckpoint } from '../../lib/transparency/checkpoint.ts';
import { leafHash } from '../../lib/transparency/merkle.ts';
import { signerOf, signNote } from '../../lib/transparency/signed-note.ts';
import { createTreeReader, type Edge } from '../../lib/transparency/tiles.ts';
import type { AuditKey } from './audit-key.ts';
import {
  hasPending,
  insertSalts,
  lockSequencer,
  type PendingEvent,
  takePending,
  unsignedTrees,
} from './pending.repository.ts';
import type { Reader } from './tokens.ts';
import type { Transactions } from './transactions.types.ts';
import {
  BrokenTreeError,
  insertCheckpoint,
  insertLeaves,
  insertTiles,
  lastCheckpoint,
  type NewLeaf,
  plantTree,
  readEdge,
  readTile,
  sizeOf,
  type TreeRow,
} from './tree.repository.ts';

const EVENTS_PER_TRANSACTION = 2_000;
/** At least every five seconds while there are events: earlier, so that a slow commit is no breach of it. */
const SIGN_AFTER_MS = 3_000;
const MAX_EDGES = 1_000;

export interface SignedCheckpoint {
  readonly organisationId: number | null;
  readonly origin: string;
  readonly size: number;
  readonly note: string;
}

export interface Sequencer {
  /** Gives a place to what has none, and signs when it is time. Answers what was signed. */
  run(options?: { readonly signNow?: boolean }): Promise<SignedCheckpoint[]>;
}

/** What was signed before is not what the tree begins with: it goes on only after a person has looked at it. */
export class RewrittenTreeError extends Error {
  override readonly name = 'RewrittenTreeError';
  readonly origin: string;
  readonly size: number;

  constructor(origin: string, size: number) {
    super(`the audit log ${origin} is no longer what was signed at size ${size}`);
    this.origin = origin;
    this.size = size;
  }
}

/**
 * Appends events to their trees, in the order in which they are found committed, and signs the heads. All of a run is one transaction under
 * one lock, so however many servers run it, and whenever one dies, a position is given once and nothing is signed that is not stored.
 */
export function createSequencer(deps: {
  transactions: Pick<Transactions, 'unaudited' | 'readAcross'>;
  key: AuditKey;
  /** Milliseconds that no change of the clock moves. */
  monotonic?: (() => number) | undefined;
}): Sequencer {
  const { transactions, key, monotonic = () => performance.now() } = deps;
  const edges = new Map<number, Edge>();
  let signedAt = Number.NEGATIVE_INFINITY;

  /** The edge as it is kept, unless another server was here since; then from the database, and only if it fits what was signed last. */
  async function edgeOf(tx: Reader, tree: TreeRow): Promise<Edge> {
    const size = await sizeOf(tx, tree.id);
    const kept = edges.get(tree.id);
    if (kept?.size === size) return kept;
    await assertAsSigned(tx, tree, size);
    const edge = await readEdge(tx, tree.id, size);
    if (edges.size >= MAX_EDGES) edges.clear();
    edges.set(tree.id, edge);
    return edge;
  }

  async function assertAsSigned(tx: Reader, tree: TreeRow, size: number): Promise<void> {
    const signed = await lastCheckpoint(tx, tree.id);
    if (!signed) return;
    const head = openCheckpoint(signed.note, [key.verifier]);
    if (head.origin !== tree.origin || head.size > size) throw new RewrittenTreeError(tree.origin, head.size);
    const reader = createTreeReader((place) => readTile(tx, tree.id, place), size);
    const root = await reader.root(head.size).catch(() => {
      throw new BrokenTreeError(tree.id, `what was signed at size ${head.size}`);
    });
    if (!root.equals(head.root)) throw new RewrittenTreeError(tree.origin, head.size);
  }

  async function append(tx: Reader, tree: TreeRow, leaves: readonly NewLeaf[]): Promise<void> {
    const edge = await edgeOf(tx, tree);
    const first = edge.size;
    const tiles = leaves.flatMap(({ hash }) => edge.append(hash));
    await insertLeaves(tx, tree.id, first, leaves);
    await insertTiles(tx, tree.id, tiles);
  }

  async function sequence(tx: Reader): Promise<number> {
    const { taken, events } = await takePending(tx, EVENTS_PER_TRANSACTION);
    const salted: Parameters<typeof insertSalts>[1][number][] = [];
    for (const [organisationId, group] of byOrganisation(events)) {
      const leaves = group.map((event) => {
        const { entry, salts } = newLeaf(event);
        if (Object.keys(salts).length > 0) salted.push({ id: event.id, salts });
        return { hash: leafHash(Buffer.from(entry)), eventId: event.id, entry };
      });
      await append(tx, await plantTree(tx, organisationId, key.verifier.name), leaves);
    }
    if (salted.length > 0) await insertSalts(tx, salted);
    return taken;
  }

  async function sign(tx: Reader, tree: TreeRow): Promise<SignedCheckpoint> {
    const edge = await edgeOf(tx, tree);
    const text = checkpointText({ origin: tree.origin, size: edge.size, root: edge.root() });
    const note = signNote(text, signerOf(tree.origin, key.seed));
    await insertCheckpoint(tx, tree.id, edge.size, note);
    return { organisationId: tree.organisation_id, origin: tree.origin, size: edge.size, note };
  }

  /** Each organisation's tree first, then the instance's, which takes what was signed as leaves of its own. */
  async function signAll(tx: Reader): Promise<SignedCheckpoint[]> {
    const unsigned = await unsignedTrees(tx);
    if (unsigned.length === 0) return [];
    const signed: SignedCheckpoint[] = [];
    for (const tree of unsigned) if (tree.organisation_id !== null) signed.push(await sign(tx, tree));
    const instance = await plantTree(tx, null, key.verifier.name);
    const leaves = signed.map(({ note }) => {
      const entry = canonicalJson({ kind: 'checkpoint', version: 1, note });
      return { hash: leafHash(Buffer.from(entry)), eventId: null, entry };
    });
    if (leaves.length > 0) await append(tx, instance, leaves);
    return [...signed, await sign(tx, instance)];
  }

  async function turn(isDue: boolean): Promise<{ signed: SignedCheckpoint[]; isMore: boolean }> {
    return transactions.unaudited(null, 'audit_sequence', async (tx) => {
      if (!(await lockSequencer(tx))) return { signed: [], isMore: false };
      const isMore = (await sequence(tx)) >= EVENTS_PER_TRANSACTION;
      if (!isDue || isMore) return { signed: [], isMore };
      const signed = await signAll(tx);
      signedAt = monotonic();
      return { signed, isMore };
    });
  }

  async function run(signNow: boolean): Promise<SignedCheckpoint[]> {
    const isDue = signNow || monotonic() - signedAt >= SIGN_AFTER_MS;
    if (!isDue && !(await transactions.readAcross(hasPending))) return [];
    try {
      for (;;) {
        const { signed, isMore } = await turn(isDue);
        if (!isMore) return signed;
      }
    } catch (error) {
      // What is in memory may be ahead of what was rolled back.
      edges.clear();
      throw error;
    }
  }

  return { run: ({ signNow = false } = {}) => run(signNow) };
}

function byOrganisation(events: readonly PendingEvent[]): Map<number | null, PendingEvent[]> {
  const groups = new Map<number | null, PendingEvent[]>();
  for (const event of events) {
    const group = groups.get(event.organisationId);
    if (group) group.push(event);
    else groups.set(event.organisationId, [event]);
  }
  return groups;
}
