import { openCheckpoint } from '../../lib/transparency/checkpoint.ts';
import type { Head } from '../../lib/transparency/merkle.ts';
import type { NoteVerifier } from '../../lib/transparency/signed-note.ts';
import { createTreeReader, type Edge } from '../../lib/transparency/tiles.ts';
import type { Reader } from './tokens.ts';
import { BrokenTreeError, lastCheckpoint, readEdge, readTile, type TreeRow } from './tree.repository.ts';
import type { SizedTree } from './tree-growth.repository.ts';

const MAX_EDGES = 1_000;

/** What was signed before is not what the tree begins with: it goes on only after a person has looked at it. */
export class RewrittenTreeError extends Error {
  override readonly name = 'RewrittenTreeError';
  readonly origin: string;
  readonly size: number;

  constructor(origin: string, size: number) {
    super(`the audit log ${origin} is no longer what it was at size ${size}`);
    this.origin = origin;
    this.size = size;
  }
}

/** The right edges of trees, and what this process knows of them from before. */
export function createTreeStates(verifier: NoteVerifier) {
  const edges = new Map<string, Edge>();
  const touched = new Map<string, Edge>();
  /**
   * The last head this process has committed, of each tree. Never forgotten, whatever fails: an older backup put back under a running server
   * is a good log by itself, and signing on from its end would be a second history under the same key.
   */
  const known = new Map<string, Head>();

  async function assertIsContinued(tx: Reader, tree: TreeRow, size: number): Promise<void> {
    const stored = await lastCheckpoint(tx, tree.id);
    const heads = [stored && signedHead(tree, stored), known.get(tree.origin)].filter((head) => head !== undefined);
    const reader = createTreeReader((place) => readTile(tx, tree.id, place), size);
    for (const head of heads) {
      if (head.size > size) throw new RewrittenTreeError(tree.origin, head.size);
      const root = await reader.root(head.size).catch(() => {
        throw new BrokenTreeError(tree.id, `what it was at size ${head.size}`);
      });
      if (!root.equals(head.root)) throw new RewrittenTreeError(tree.origin, head.size);
    }
  }

  function signedHead(tree: TreeRow, { note, size }: { note: string; size: number }): Head {
    const head = tryOpen(note);
    if (head?.origin !== tree.origin || head.size !== size) throw new RewrittenTreeError(tree.origin, size);
    return head;
  }

  /** Undefined: it is not what was stored once, since only what this key signs is. */
  function tryOpen(note: string) {
    try {
      return openCheckpoint(note, [verifier]);
    } catch {
      return undefined;
    }
  }

  return {
    /** The edge as it is kept, unless another server was here since; then from the database, and only if it goes on from what was before. */
    async edgeOf(tx: Reader, tree: SizedTree): Promise<Edge> {
      // Since it was read in this transaction, nobody but this one has added to it.
      const own = touched.get(tree.origin);
      if (own) return own;
      const { size } = tree;
      let edge = edges.get(tree.origin);
      if (edge?.size !== size) {
        await assertIsContinued(tx, tree, size);
        edge = await readEdge(tx, tree.id, size);
        if (edges.size >= MAX_EDGES) edges.clear();
        edges.set(tree.origin, edge);
      }
      touched.set(tree.origin, edge);
      return edge;
    },

    /** What was done to this tree is undone. */
    undo(origin: string): void {
      edges.delete(origin);
      touched.delete(origin);
    },

    committed(): void {
      for (const [origin, edge] of touched) known.set(origin, { size: edge.size, root: edge.root() });
      touched.clear();
    },

    /** What this process has touched is ahead of what was rolled back. */
    rolledBack(): void {
      for (const origin of touched.keys()) edges.delete(origin);
      touched.clear();
    },
  };
}
