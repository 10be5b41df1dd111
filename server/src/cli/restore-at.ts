import { z } from 'zod';
import { parseVerifier } from '../lib/transparency/signed-note.ts';
import type { Config } from '../platform/config/config.ts';
import type { Storage } from '../platform/storage/storage.ts';
import { restorePointInTime } from '../restore-point-in-time.ts';
import { chainStore } from '../security/backups/point-in-time/chain-store.ts';
import { baseName } from '../security/backups/point-in-time/vouched-note.ts';
import { createByteProgress } from './byte-progress.ts';
import { CommandError, UsageError } from './command-error.ts';
import type { Output } from './output.ts';
import { untilSignal } from './until-signal.ts';
import { commandLog, uninterrupted } from './with-platform.ts';

const moment = z.iso.datetime({ offset: true });

/** `backup restore --at`: the embedded database as it was at a moment. */
export async function restoreAt(
  given: {
    readonly config: Config;
    readonly storage: Storage;
    readonly at: string;
    readonly name: string;
    readonly identities: readonly string[];
    readonly keys: readonly string[] | undefined;
    readonly replaces: boolean;
    readonly uid: number;
  },
  output: Output,
): Promise<void> {
  const { config, storage, name, identities, replaces, uid } = given;
  if (!moment.safeParse(given.at).success)
    throw new UsageError('--at takes a moment such as 2026-03-01T14:30:00Z, or with +01:00 instead of Z');
  if (name !== '' && !baseName.safeParse(name).success)
    throw new UsageError(`${JSON.stringify(name.slice(0, 80))} is no name of a base: "backup list" shows them`);
  const at = new Date(given.at);
  let progress: ReturnType<typeof createByteProgress> | undefined;
  const restored = await untilSignal(undefined, (signal) =>
    uninterrupted(() =>
      restorePointInTime({
        config,
        log: commandLog(config),
        store: chainStore(storage),
        at,
        base: name === '' ? undefined : name,
        identities,
        keys: given.keys?.map(parseVerifier),
        replaces,
        uid,
        signal,
        onTotal(bytes) {
          progress = createByteProgress(output.terminal, bytes);
        },
        onProgress: (bytes) => progress?.add(bytes),
      }).catch((error: unknown) => {
        if (signal.aborted) throw new CommandError('stopped: nothing was changed');
        throw error;
      }),
    ),
  ).finally(() => progress?.finish());
  const { base, segments, lastCommitAt, firstNotIn, endedSessions, aside } = restored;
  const last =
    lastCommitAt === null ? 'No transaction since the base is in it' : `Its last transaction is of ${lastCommitAt}`;
  const next =
    firstNotIn === null ? '' : `; the first that is not, number ${firstNotIn.transaction}, is of ${firstNotIn.at}`;
  const kept = aside === undefined ? '' : ` What was there before is kept as ${aside} until the next time.`;
  output.result(
    { at: at.toISOString(), ...restored },
    `Restored ${at.toISOString()} from ${base} and ${segments} segments of the log. ${last}${next}. ${endedSessions} sessions were ended.${kept} Start the server.`,
  );
}
