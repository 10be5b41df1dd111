import { canonicalJson } from '../../lib/canonical-json.ts';
import { newLeaf } from '../../lib/transparency/audit-leaf.ts';
import { checkpointText } from '../../lib/transparency/checkpoint.ts';
import { leafHash } from '../../lib/transparency/merkle.ts';
import { signerOf, signNote } from '../../lib/transparency/signed-note.ts';
import { createTurns } from '../../lib/turns.ts';
import type { AuditKey } from './audit-key.ts';
import { inSavepoint } from './in-savepoint.ts';
import { endPending, listPending, lockSequencer, type PendingEvent, type Waiting } from './pending.repository.ts';
import { createStoppedTrees } from './stopped-trees.ts';
import type { Reader } from './tokens.ts';
import type { Transactions } from './transactions.types.ts';
import type { TreeRow } from './tree.repository.ts';
import {
  growTree,
  insertCheckpoint,
  type NewLeaf,
  plantTree,
  type SizedTree,
  unsignedTrees,
} from './tree-growth.repository.ts';
import { createTreeStates } from './tree-states.ts';

const EVENTS_PER_TURN = 2_000;
/** At least every five seconds while there are events: earlier, so that a slow commit is no breach of it. */
const SIGN_AFTER_MS = 3_000;
/** Runs of one process that wait for the one under way. */
const MOST_WAITING = 10;

export interface SignedCheckpoint {
  readonly organisationId: number | null;
  readonly origin: string;
  readonly size: number;
  readonly note: string;
}

/** A tree that is no longer what was signed. */
export interface DamagedTree {
  readonly origin: string;
  /** What was signed up to there is not what is stored, where that is known. */
  readonly before: number | undefined;
}

export interface Sequencer {
  /** Gives a place to what has none, and signs when it is time. Answers what was signed. */
  run(options?: { readonly signNow?: boolean }): Promise<SignedCheckpoint[]>;
}

interface Turn {
  readonly signed: readonly SignedCheckpoint[];
  readonly isMore: boolean;
}

/**
 * Appends events to their trees, the oldest of those found committed first, and signs the heads. All of a turn is one transaction under
 * one lock, so however many servers run it, and whenever one dies, a position is given once and nothing is signed that is not stored. Within
 * it each tree stands for itself: one that is not what was signed stops, its events wait, and the others go on.
 */
export function createSequencer(deps: {
  transactions: Pick<Transactions, 'unaudited'>;
  key: AuditKey;
  /** Told once of each damage, until the tree is whole again. */
  onDamaged?: ((tree: DamagedTree) => void) | undefined;
  /** Told when a tree could not go on for another reason. */
  onFailed?: ((origin: string, error: unknown) => void) | undefined;
  /** Milliseconds that no change of the clock moves. */
  monotonic?: (() => number) | undefined;
}): Sequencer {
  const { transactions, key, onDamaged = () => {}, onFailed = () => {}, monotonic = () => performance.now() } = deps;
  const states = createTreeStates(key.verifier);
  const stopped = createStoppedTrees({ onDamaged, onFailed, monotonic });
  // What a turn knows of the trees is this process's, which a second one would take for committed, or throw away, in the middle of the first.
  const inTurn = createTurns(MOST_WAITING);
  let signedAt = Number.NEGATIVE_INFINITY;

  async function append(tx: Reader, tree: SizedTree, { leaves, placed }: Additions): Promise<void> {
    const edge = await states.edgeOf(tx, tree);
    const first = edge.size;
    const made = leaves();
    const tiles = made.flatMap(({ hash }) => edge.append(hash));
    await growTree(tx, tree.id, first, { leaves: made, tiles, placed });
  }

  /** One tree's part of a turn. Undefined: the tree cannot go on, and nothing was done to it. */
  type OfTree = <T>(tree: SizedTree, work: () => Promise<T>) => Promise<T | undefined>;

  const together: OfTree = async (tree, work) => {
    try {
      return await work();
    } catch (error) {
      throw new TreeFailedError(tree, error);
    }
  };

  const byItself =
    (tx: Reader): OfTree =>
    async (tree, work) => {
      const { result, error } = await inSavepoint(tx, work);
      if (error === undefined) stopped.isWhole(tree);
      else {
        states.undo(tree.origin);
        stopped.stop(tree, error);
      }
      return result;
    };

  /** A savepoint costs two round trips, which is much of what a few events cost: only what could not go on before has one. */
  const unlessItFailed =
    (tx: Reader): OfTree =>
    (tree, work) =>
      (stopped.has(tree) ? byItself(tx) : together)(tree, work);

  /** Answers whether more may wait. */
  async function sequence(tx: Reader, ofTree: OfTree): Promise<boolean> {
    const { events, idle } = await listPending(tx, EVENTS_PER_TURN, stopped.organisations());
    if (idle.length > 0) await endPending(tx, idle);
    for (const [organisationId, group] of byOrganisation(events)) {
      const tree = await plantTree(tx, organisationId, key.verifier.name);
      const additions = {
        leaves: () => group.map((event) => leafOf(event.id, newLeaf(event))),
        placed: group.map(({ waiting }) => waiting),
      };
      await ofTree(tree, () => append(tx, tree, additions));
    }
    return events.length + idle.length >= EVENTS_PER_TURN;
  }

  async function sign(tx: Reader, tree: SizedTree): Promise<SignedCheckpoint> {
    const edge = await states.edgeOf(tx, tree);
    const text = checkpointText({ origin: tree.origin, size: edge.size, root: edge.root() });
    const note = signNote(text, signerOf(tree.origin, key.seed));
    await insertCheckpoint(tx, tree.id, edge.size, note);
    return { organisationId: tree.organisation_id, origin: tree.origin, size: edge.size, note };
  }

  /** Each organisation's tree first, then the instance's, which takes what was signed as leaves of its own. */
  async function signAll(tx: Reader, ofTree: OfTree): Promise<SignedCheckpoint[]> {
    const leftAlone = stopped.organisations();
    const unsigned = (await unsignedTrees(tx)).filter((tree) => !leftAlone.includes(tree.organisation_id));
    const signed: SignedCheckpoint[] = [];
    for (const tree of unsigned) {
      if (tree.organisation_id === null) continue;
      const checkpoint = await ofTree(tree, () => sign(tx, tree));
      if (checkpoint) signed.push(checkpoint);
    }
    const hasOwn = unsigned.some(({ organisation_id }) => organisation_id === null);
    if (leftAlone.includes(null) || (signed.length === 0 && !hasOwn)) return signed;
    const instance = await plantTree(tx, null, key.verifier.name);
    const leaves = () =>
      signed.map(({ note }) =>
        leafOf(null, { entry: canonicalJson({ kind: 'checkpoint', version: 1, note }), salts: {} }),
      );
    const checkpoint = await ofTree(instance, async () => {
      if (signed.length > 0) await append(tx, instance, { leaves, placed: [] });
      return sign(tx, instance);
    });
    return checkpoint ? [...signed, checkpoint] : signed;
  }

  async function turnOnce(signNow: boolean, each: (tx: Reader) => OfTree): Promise<Turn> {
    try {
      const isLate = monotonic() - signedAt >= SIGN_AFTER_MS;
      const done = await transactions.unaudited(null, 'audit_sequence', async (tx) => {
        if (!(await lockSequencer(tx, { wait: signNow }))) return undefined;
        const isMore = await sequence(tx, each(tx));
        // However much waits: what has a place is signed in time.
        const isDue = isLate || (signNow && !isMore);
        return { isDue, isMore, signed: isDue ? await signAll(tx, each(tx)) : [] };
      });
      if (!done) return { signed: [], isMore: false };
      states.committed();
      if (done.isDue) signedAt = monotonic();
      return done;
    } catch (error) {
      states.rolledBack();
      throw error;
    }
  }

  /** All trees together; where one cannot go on, the whole turn again with each by itself. */
  async function turn(signNow: boolean): Promise<Turn> {
    try {
      return await turnOnce(signNow, unlessItFailed);
    } catch (error) {
      if (!(error instanceof TreeFailedError)) throw error;
      const done = await turnOnce(signNow, byItself);
      // By itself it went on: what it failed of is told all the same.
      if (!stopped.has(error.tree)) onFailed(error.tree.origin, error.cause);
      return done;
    }
  }

  async function run(signNow: boolean): Promise<SignedCheckpoint[]> {
    if (signNow) stopped.tryAgain();
    const signed: SignedCheckpoint[] = [];
    for (;;) {
      const { signed: now, isMore } = await turn(signNow);
      signed.push(...now);
      // What was signed is told before more is done: the next run is a moment away.
      if (!isMore || (now.length > 0 && !signNow)) return signed;
    }
  }

  return { run: ({ signNow = false } = {}) => inTurn('', () => run(signNow)) };
}

/** What is added to a tree. Leaves are made once it is known that it can go on. */
interface Additions {
  readonly leaves: () => readonly NewLeaf[];
  readonly placed: readonly Waiting[];
}

class TreeFailedError extends Error {
  override readonly name = 'TreeFailedError';
  readonly tree: TreeRow;

  constructor(tree: TreeRow, cause: unknown) {
    super(`the tree ${tree.origin} could not go on`, { cause });
    this.tree = tree;
  }
}

function leafOf(eventId: string | null, { entry, salts }: Pick<NewLeaf, 'entry' | 'salts'>): NewLeaf {
  return { hash: leafHash(Buffer.from(entry)), eventId, entry, salts };
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
