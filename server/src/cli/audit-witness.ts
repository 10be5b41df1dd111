import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ControlRefusedError } from '../control/control-client.ts';
import { type OpenedCheckpoint, openCheckpoint } from '../lib/transparency/checkpoint.ts';
import { isConsistent } from '../lib/transparency/merkle.ts';
import { type NoteVerifier, signatureLine, signerOf, verifierText } from '../lib/transparency/signed-note.ts';
import { createTreeReader } from '../lib/transparency/tiles.ts';
import type { Reader } from '../security/audit/tokens.ts';
import { lastCheckpoint, listTrees, readTile, type TreeRow } from '../security/audit/tree.repository.ts';
import { toProblem } from '../security/gate/to-problem.ts';
import { command } from './command.ts';
import { CommandError } from './command-error.ts';
import { openSeenCheckpoints } from './seen-checkpoints.ts';
import { untilSignal } from './until-signal.ts';
import { wholeNumber } from './whole-number.ts';
import { keyTexts, type OpenLog, withAuditLog } from './with-audit-log.ts';
import { NoServerError } from './with-database.ts';

const MOST_SECONDS = 3_600;

interface Signed {
  readonly origin: string;
  readonly size: number;
}

export const auditWitness = command(
  {
    name: 'audit witness',
    summary: 'Watch the audit log and countersign what continues what was seen before',
    argument: 'FOLDER',
    options: {
      name: { type: 'string', value: 'NAME', help: 'of this witness, as it signs', required: true },
      key: {
        type: 'string',
        multiple: true,
        value: 'KEY',
        help: 'public key of the log to believe; without it the log\u2019s own',
      },
      every: { type: 'string', value: 'SECONDS', help: 'look this often until Ctrl-C; without it once' },
    },
    examples: ['audit witness /mnt/elsewhere/witness --name witness.example.com/audit --every 5'],
    notes:
      'FOLDER belongs on other storage than the database, under another account where there is one: it holds the key of the witness and what it has seen,\nat most 32 MiB and the last checkpoint of each log.\nA log that does not continue what was seen is not signed: the witness says so and ends with exit code 1. With --every, a server that is away is\nwaited for.',
  },
  async ({ argument: folder, values }, output) => {
    const seconds = values.every === undefined ? undefined : wholeNumber('every', values.every, 1, MOST_SECONDS);
    const keys = keyTexts(values.key);
    const witness = openWitness(folder, values.name ?? '');
    const signed =
      seconds === undefined
        ? await withAuditLog(keys, witness.look)
        : await untilSignal(undefined, (signal) =>
            lookAgain(
              () => withAuditLog(keys, witness.look, { startsDatabase: false }),
              { seconds, signal },
              (fault) => output.terminal.write(`valtronics: ${fault}; looking again in ${seconds} s\n`),
            ),
          );
    const lines = signed.map(({ origin, size }) => `${origin}: ${size} entries`);
    output.result({ key: witness.key, signed }, [...lines, `Key: ${witness.key}`].join('\n'));
  },
);

/** The log is opened anew for each look, so that a server may be restarted beside its witness. */
async function lookAgain(
  look: () => Promise<Signed[]>,
  { seconds, signal }: { seconds: number; signal: AbortSignal },
  complain: (fault: string) => void,
): Promise<Signed[]> {
  let signed: Signed[] = [];
  while (!signal.aborted) {
    try {
      signed = await look();
    } catch (error) {
      if (!isAway(error)) throw error;
      complain((error as Error).message);
    }
    await delay(seconds * 1000, undefined, { signal }).catch(() => undefined);
  }
  return signed;
}

/** Not there at the moment, which says nothing about the log. Everything else ends the watch. */
const isAway = (error: unknown): boolean =>
  error instanceof NoServerError || error instanceof ControlRefusedError || toProblem(error).code === 'unavailable';

function openWitness(folder: string, name: string) {
  const seen = openSeenCheckpoints(folder);
  const keyFile = join(folder, 'witness.key');
  if (!existsSync(keyFile)) writeFileSync(keyFile, randomBytes(32).toString('base64'), { mode: 0o600, flag: 'wx' });
  const signer = signerOf(name, Buffer.from(readFileSync(keyFile, 'utf8'), 'base64'), 4);
  /** The last of each log, verified once. */
  const known = new Map<string, OpenedCheckpoint>();

  async function cosign(
    reader: Reader,
    tree: TreeRow,
    keys: readonly NoteVerifier[],
    before: OpenedCheckpoint | undefined,
  ) {
    const last = await lastCheckpoint(reader, tree.id);
    if (!last) {
      if (before) throw new CommandError(`the checkpoints of ${tree.origin} were seen before and are gone`);
      return undefined;
    }
    const next = openCheckpoint(last.note, keys);
    // Or one log could stand in for another, whose end nobody would see then.
    if (next.origin !== tree.origin) throw new CommandError(`${tree.origin} has a checkpoint of ${next.origin}`);
    if (before && before.size === next.size && before.root.equals(next.root)) return next;
    const proof =
      before && before.size <= next.size
        ? await createTreeReader((place) => readTile(reader, tree.id, place), next.size).consistency(before.size)
        : [];
    if (before && !isConsistent(before, next, proof)) {
      throw new CommandError(
        `${tree.origin} has ${next.size} entries that do not continue the ${before.size} seen before: it was rewritten or rolled back`,
      );
    }
    const line = signatureLine(next.signed.text, signer, Math.floor(Date.now() / 1000));
    // What was seen is written down before anybody is told, so that a restart cannot forget it.
    seen.add(tree.origin, `${last.note}${line}`);
    known.set(tree.origin, next);
    return next;
  }

  return {
    key: verifierText(signer),
    look({ keys, read }: OpenLog): Promise<Signed[]> {
      for (const [origin, note] of seen.last) if (!known.has(origin)) known.set(origin, openCheckpoint(note, keys));
      return read(async (reader) => {
        const trees = await listTrees(reader);
        const gone = [...known.keys()].find((origin) => !trees.some((tree) => tree.origin === origin));
        if (gone !== undefined) throw new CommandError(`${gone} was seen before and is not there any more`);
        const signed: Signed[] = [];
        for (const tree of trees) {
          const next = await cosign(reader, tree, keys, known.get(tree.origin));
          if (next) signed.push({ origin: next.origin, size: next.size });
        }
        return signed;
      });
    },
  };
}
