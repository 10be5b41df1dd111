import pg from 'pg';
import type { DamagedTree } from './sequencer.ts';
import { BrokenTreeError, type TreeRow } from './tree.repository.ts';
import { RewrittenTreeError } from './tree-states.ts';

const TRY_AGAIN_AFTER_MS = 10_000;

/** That a tree is not what was signed. A leaf, tile or checkpoint that stands already where one is to be appended says so too. */
const isDamage = (error: unknown): boolean =>
  error instanceof RewrittenTreeError ||
  error instanceof BrokenTreeError ||
  (error instanceof pg.DatabaseError && error.code?.startsWith('23') === true);

/** Trees that cannot go on: left alone for a while, so that the others can, and then tried again. */
export function createStoppedTrees(deps: {
  onDamaged: (tree: DamagedTree) => void;
  onFailed: (origin: string, error: unknown) => void;
  monotonic: () => number;
}) {
  const { onDamaged, onFailed, monotonic } = deps;
  const stopped = new Map<number | null, { until: number; isTold: boolean }>();

  return {
    /** Whose trees are left alone for now. */
    organisations: (): (number | null)[] =>
      [...stopped].filter(([, { until }]) => until > monotonic()).map(([organisationId]) => organisationId),

    /** Damage is told once, until the tree is whole again; any other failure says nothing about the tree, and is told each time. */
    stop({ organisation_id, origin }: TreeRow, error: unknown): void {
      const isTold = stopped.get(organisation_id)?.isTold === true;
      stopped.set(organisation_id, { until: monotonic() + TRY_AGAIN_AFTER_MS, isTold: isTold || isDamage(error) });
      if (!isDamage(error)) onFailed(origin, error);
      else if (!isTold) onDamaged({ origin, before: error instanceof RewrittenTreeError ? error.size : undefined });
    },

    /** Whether it could not go on and has not been whole since. */
    has: ({ organisation_id }: TreeRow): boolean => stopped.has(organisation_id),

    isWhole: ({ organisation_id }: TreeRow): void => void stopped.delete(organisation_id),

    tryAgain(): void {
      for (const tree of stopped.values()) tree.until = Number.NEGATIVE_INFINITY;
    },
  };
}
