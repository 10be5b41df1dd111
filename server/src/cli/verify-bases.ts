import type { NoteVerifier } from '../lib/transparency/signed-note.ts';
import type { ChainStore } from '../security/backups/point-in-time/chain-store.ts';
import { listBases, listSent } from '../security/backups/point-in-time/point-in-time.repository.ts';
import { type BaseVerdict, checkChains, sentFrom } from '../security/backups/point-in-time/verify-chains.ts';
import { unknownBackup } from './backup-place.ts';
import { createByteProgress } from './byte-progress.ts';
import type { Output } from './output.ts';
import { untilSignal } from './until-signal.ts';
import type { OpenDatabase } from './with-database.ts';

/** The bases of a place, and which of them are asked for. */
export interface BasesToVerify {
  readonly store: ChainStore;
  /** One by its name, all that are there or on record, or the newest of them. */
  readonly which: 'all' | 'newest' | 'none' | { readonly name: string };
  readonly identities: readonly string[];
}

/** `backup verify`, of bases and the log behind them. Without an installation nothing is known but what is there. */
export async function verifyBases(
  { store, which, identities }: BasesToVerify,
  keys: readonly NoteVerifier[],
  open: OpenDatabase | undefined,
  output: Output,
): Promise<BaseVerdict[]> {
  if (which === 'none') return [];
  const recordedNow = async () =>
    open ? open.transactions.readAcross((reader) => listBases(reader, store.place)) : [];
  const recorded = await recordedNow();
  const sent = open
    ? sentFrom(
        open.config.dataDir,
        store.place,
        await open.transactions.readAcross((reader) => listSent(reader, store.place)),
      )
    : new Map();
  const names = [...new Set([...(await store.list()).bases, ...recorded.map(({ name }) => name)])].sort();
  if (typeof which === 'object' && !names.includes(which.name)) throw unknownBackup(which.name, store);
  const chosen = typeof which === 'object' ? [which.name] : which === 'all' ? names : names.slice(-1);
  const progress = createByteProgress(output.terminal, undefined);
  const verdicts = await untilSignal(undefined, (signal) =>
    checkChains(
      {
        store,
        keys,
        keyRing: open?.hostKeys.keyRing,
        identities,
        recorded,
        sent,
        options: { signal, onProgress: progress.add },
      },
      chosen,
    ),
  ).finally(progress.finish);
  // What a server threw away meanwhile, which it puts on record first, is not missed.
  const kept = new Set((await recordedNow()).map(({ name }) => name));
  const thrownAway = recorded.filter(({ name }) => !kept.has(name)).map(({ name }) => name);
  return verdicts.filter(({ name, fault }) => fault === null || !thrownAway.includes(name));
}

export function verdictLine({ name, checked, fault, moments, segments }: BaseVerdict): string {
  const reached =
    moments === null
      ? 'no moment is reached from it'
      : `any moment from ${moments.from} to ${moments.until} is reached, by ${segments} segments of the log`;
  return fault === null ? `${name}  good (${checked}): ${reached}` : `${name}  NOT GOOD: ${fault}; ${reached}`;
}
