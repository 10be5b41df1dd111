import type { KeyEpoch, KeyRotation } from '@valtronics/contract';

export type EpochState = 'active' | 'renewing' | 'unfinished' | 'replaced' | 'retired';

export const isUnderWay = ({ state }: Pick<KeyRotation, 'state'>): boolean =>
  state === 'running' || state === 'elsewhere';

/** What becomes of an epoch: what is under a replaced one is being sealed again, or was left so. */
export function epochState({ status, values }: KeyEpoch, rotation: KeyRotation): EpochState {
  if (status !== 'previous') return status;
  if (values === 0) return 'replaced';
  if (isUnderWay(rotation)) return 'renewing';
  // Not counted yet, or left because it opens under no key: neither is a rotation that stopped.
  return values === null || values <= rotation.unreadable ? 'replaced' : 'unfinished';
}

/** How many values a rotation that stopped has left, of those that open. */
export function leftOver(epochs: readonly KeyEpoch[], rotation: KeyRotation): number {
  if (isUnderWay(rotation)) return 0;
  const under = epochs.reduce((sum, { status, values }) => sum + (status === 'active' ? 0 : (values ?? 0)), 0);
  return Math.max(0, under - rotation.unreadable);
}

/** Never full before it is over. */
export const shareOf = ({ done, total, state }: KeyRotation): number =>
  state === 'done' ? 100 : Math.min(99, Math.floor((100 * done) / Math.max(1, total)));
