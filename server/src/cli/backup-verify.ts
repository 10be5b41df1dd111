import { systemClock } from '../lib/clock.ts';
import { type NoteVerifier, parseVerifier } from '../lib/transparency/signed-note.ts';
import { listAuditKeys } from '../security/audit/audit-key.ts';
import { BackupError } from '../security/backups/backup-error.ts';
import { endRun, insertRun } from '../security/backups/backup-run.repository.ts';
import { type BackupStore, backupStore } from '../security/backups/backup-store.ts';
import { listRecorded, type RecordedBackup } from '../security/backups/backups.repository.ts';
import { assertSigned, damaged, digestOf, readManifest } from '../security/backups/manifest.ts';
import { checkFile, openBackup } from '../security/backups/open-backup.ts';
import { type ChainStore, chainStore } from '../security/backups/point-in-time/chain-store.ts';
import type { BaseVerdict } from '../security/backups/point-in-time/verify-chains.ts';
import { baseName } from '../security/backups/point-in-time/vouched-note.ts';
import {
  chosenName,
  folderOption,
  givenStorage,
  identitiesOf,
  identityOption,
  reportDamage,
  unknownBackup,
} from './backup-place.ts';
import { createByteProgress } from './byte-progress.ts';
import { command } from './command.ts';
import { CommandError, UsageError } from './command-error.ts';
import type { Output } from './output.ts';
import { untilSignal } from './until-signal.ts';
import { type BasesToVerify, verdictLine, verifyBases } from './verify-bases.ts';
import { keyTexts } from './with-audit-log.ts';
import { type OpenDatabase, withDatabase } from './with-database.ts';
import { commandConfig } from './with-platform.ts';

interface Verdict {
  readonly name: string;
  /** How far it was looked into: what an identity opens, or the file as a whole. */
  readonly checked: 'contents' | 'file';
  readonly fault: string | null;
  readonly problem: BackupError['problem'] | null;
}

export const backupVerify = command(
  {
    name: 'backup verify',
    summary: 'Verify that backups are the ones that were made: who signed them, and every byte',
    argument: '[NAME]',
    options: {
      ...folderOption,
      ...identityOption,
      all: { type: 'boolean', help: 'all of the folder, and whether any is gone that the audit log knows of' },
      key: {
        type: 'string',
        multiple: true,
        value: 'KEY',
        help: 'public key of the audit log to believe, or a file that holds it; without it the installation’s own',
      },
    },
    examples: ['backup verify', 'backup verify --all -i key.txt', 'backup verify --folder ./copy --key "$KEY"'],
    notes:
      'NAME: a backup, or a base with the log behind it; the newest of both unless told. With an identity it is decrypted and every row is held against the digests, without it the encrypted file.\nExit code 1 if anything is not as it was made, which is also reported as a security event. With --key no installation is needed.',
  },
  async ({ argument, values }, output) => {
    const config = commandConfig();
    if (values.all && argument !== '') throw new UsageError('NAME and --all exclude each other');
    const storage = await givenStorage(values.folder, config);
    const store = backupStore(storage);
    const chains = chainStore(storage);
    const identities = identitiesOf(values.identity);
    const given = keyTexts(values.key)?.map(parseVerifier);
    const { names, which } = await chosen(store, chains, argument, values.all ?? false);
    const judge = async ({ keys, recorded }: Known, open?: OpenDatabase): Promise<Found> => {
      const verdicts: Verdict[] = [];
      for (const name of names) verdicts.push(await verify({ store, name, keys, identities, recorded, output }));
      const asked = recorded.filter(({ name }) => values.all || name === argument);
      const items = [...verdicts, ...gone(store, asked, names)];
      if (which === 'none' && items.length === 0) throw unknownBackup(argument, store);
      return { items, bases: await verifyBases({ store: chains, which, identities }, keys, open, output) };
    };
    const { items, bases } = given
      ? await judge({ keys: given, recorded: [] })
      : await withDatabase(async (open) => {
          const found = await judge(await ofInstallation(open), open);
          await record(open, store.place, found.items);
          await record(open, chains.place, found.bases);
          return found;
        });
    const verdicts = [...items, ...bases];
    const bad = verdicts.filter(({ problem }) => problem !== null);
    if (!given) {
      await report(store, items);
      await report(chains, bases);
    }
    const lines = items.map(({ name, checked, fault }) =>
      fault === null ? `${name}  good (${checked})` : `${name}  NOT GOOD: ${fault}`,
    );
    output.result(
      { place: store.place, items, bases },
      [...lines, ...bases.map(verdictLine)].join('\n') || `There is no backup in ${store.place}.`,
    );
    if (bad.length > 0) throw new CommandError(`${bad.length} of ${verdicts.length} backups cannot be relied on`);
  },
);

interface Found {
  readonly items: readonly Verdict[];
  readonly bases: readonly BaseVerdict[];
}

/** Without a name the newest backup, and the newest base with its log. */
async function chosen(
  store: BackupStore,
  chains: ChainStore,
  argument: string,
  isAll: boolean,
): Promise<{ names: readonly string[]; which: BasesToVerify['which'] }> {
  if (isAll) return { names: await store.names(), which: 'all' };
  if (baseName.safeParse(argument).success) return { names: [], which: { name: argument } };
  const there = await store.names();
  if (argument !== '') {
    const name = await chosenName(store, argument);
    return { names: there.filter((one) => one === name), which: 'none' };
  }
  const names = there.slice(-1);
  if (names.length === 0 && (await chains.list()).bases.length === 0) await chosenName(store, '');
  return { names, which: 'newest' };
}

interface Known {
  readonly keys: readonly NoteVerifier[];
  readonly recorded: readonly RecordedBackup[];
}

async function ofInstallation({ dataKeys, transactions }: OpenDatabase): Promise<Known> {
  const { dataKeys: sealing } = await dataKeys();
  return transactions.readAcross(async (reader) => ({
    keys: await listAuditKeys(reader, sealing),
    recorded: await listRecorded(reader),
  }));
}

/** A key that does not open it says nothing about the backup. */
async function record({ transactions }: OpenDatabase, place: string, verdicts: readonly Verdict[]): Promise<void> {
  const telling = verdicts.filter(({ problem }) => problem === null || problem === 'damaged');
  await transactions.unaudited(null, 'backup_runs', async (tx) => {
    for (const { name, checked, fault } of telling) {
      const now = systemClock.date();
      const number = await insertRun(tx, { kind: 'verify', place, backup: name, scheduled: false, now });
      const outcome = fault === null ? 'done' : 'failed';
      await endRun(tx, number, { outcome, fault: fault ?? undefined, details: { checked }, now });
    }
  });
}

async function verify(what: {
  store: BackupStore;
  name: string;
  keys: readonly NoteVerifier[];
  identities: readonly string[];
  recorded: readonly RecordedBackup[];
  output: Output;
}): Promise<Verdict> {
  const { store, name, keys, identities, recorded, output } = what;
  const checked = identities.length > 0 ? 'contents' : 'file';
  try {
    const text = await store.manifest(name);
    const read = readManifest(text, name);
    assertSigned(read, keys);
    const known = recorded.find((backup) => backup.name === name);
    if (known && known.manifest !== digestOf(text))
      throw damaged(name, 'its manifest is not the one that the audit log has on record');
    const { manifest } = read;
    const progress = createByteProgress(output.terminal, manifest.file.bytes);
    await untilSignal(undefined, async (signal) => {
      const options = { signal, onProgress: progress.add };
      if (checked === 'file') await checkFile(store, manifest, options);
      else await openBackup(store, manifest, { ...options, identities, sink: NOWHERE });
    }).finally(progress.finish);
    return { name, checked, fault: null, problem: null };
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return { name, checked, fault: error.message, problem: error.problem };
  }
}

const NOWHERE = {
  head: async () => undefined,
  table: async () => ({ write: async () => undefined, end: async () => undefined }),
};

/** Made here, and nobody deleted it on record. */
function gone(store: BackupStore, recorded: readonly RecordedBackup[], names: readonly string[]): Verdict[] {
  return recorded
    .filter(({ name, place }) => place === store.place && !names.includes(name))
    .map(({ name }) => {
      const { message, problem } = damaged(name, `it is gone from ${store.place}`);
      return { name, checked: 'file', fault: message, problem };
    });
}

async function report(where: { readonly place: string }, verdicts: readonly Verdict[]): Promise<void> {
  for (const { name, fault, problem } of verdicts)
    if (problem === 'damaged' && fault !== null) await reportDamage(where, name, fault);
}
