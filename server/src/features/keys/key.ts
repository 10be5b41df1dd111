import type { KeyEpoch, KeyRotation, KeyStoreShown } from '@valtronics/contract';
import type { RotationProgress } from '../../security/keys/data-key-rotation.ts';
import type { KeyCount, KeyStoreState } from '../../security/keys/key-census.ts';
import type { KeyEpoch as FoundEpoch } from '../../security/keys/key-epochs.ts';

const text = (date: Date | null): string | null => date?.toISOString() ?? null;

export const presentEpoch = (epoch: FoundEpoch, count: KeyCount | undefined): KeyEpoch => ({
  number: epoch.epoch,
  status: epoch.status,
  createdAt: epoch.createdAt.toISOString(),
  replacedAt: text(epoch.replacedAt),
  retiredAt: text(epoch.retiredAt),
  values: count === undefined ? null : (count.values.get(epoch.epoch) ?? 0),
  subjectKeys: count?.store === undefined ? null : (count.store.keys.get(epoch.epoch) ?? 0),
});

/** What this server does it knows itself; of another process it is known that it is at it, and from the count how far. */
export function presentRotation(
  progress: RotationProgress,
  isElsewhere: boolean,
  epochs: readonly KeyEpoch[],
): KeyRotation {
  if (!isElsewhere) return { ...progress };
  const valuesOf = (those: readonly KeyEpoch[]) => those.reduce((sum, { values }) => sum + (values ?? 0), 0);
  const done = valuesOf(epochs.filter(({ status }) => status === 'active'));
  return { state: 'elsewhere', done, total: valuesOf(epochs), unreadable: 0 };
}

export function presentStore(
  state: KeyStoreState,
  place: string,
  count: KeyCount | undefined,
  copies: { readonly folder: string | undefined; readonly days: number },
): KeyStoreShown {
  const store = state === 'present' || state === 'none' ? count?.store : undefined;
  const keys = store && [...store.keys.values()].reduce((sum, some) => sum + some, 0);
  const { folder, days } = copies;
  const shown = folder === undefined ? null : { place: folder, days, ...presentCopies(count?.copies) };
  return { state, place, keys: keys ?? null, destroyed: store?.destroyed ?? null, copies: shown };
}

const presentCopies = (copies: KeyCount['copies']) => ({
  count: copies?.count ?? null,
  newest: copies?.newest?.toISOString() ?? null,
});
