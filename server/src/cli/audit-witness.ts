import { randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type OpenedCheckpoint, openCheckpoint } from '../lib/transparency/checkpoint.ts';
import { readCheckpoints } from '../lib/transparency/checkpoint-list.ts';
import { isConsistent } from '../lib/transparency/merkle.ts';
import { type NoteVerifier, signatureLine, signerOf, verifierText } from '../lib/transparency/signed-note.ts';
import { createTreeReader } from '../lib/transparency/tiles.ts';
import type { Reader } from '../security/audit/tokens.ts';
import { lastCheckpoint, listTrees, readTile, type TreeRow } from '../security/audit/tree.repository.ts';
import { command } from './command.ts';
import { CommandError } from './command-error.ts';
import { wholeNumber } from './whole-number.ts';
import { keyTexts, type OpenLog, withAuditLog } from './with-audit-log.ts';

const MOST_SECONDS = 3_600;

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
      every: { type: 'string', value: 'SECONDS', help: 'look this often; without it once' },
    },
    examples: ['audit witness /mnt/elsewhere/witness --name witness.example.com/audit --every 5'],
    notes:
      'FOLDER belongs on other storage than the database, under another account where there is one: it holds the key of the witness and what it has seen.\nA log that does not continue what was seen is not signed: the witness says so and ends with exit code 1.',
  },
  async ({ argument: folder, values }, output) => {
    const seconds = values.every === undefined ? undefined : wholeNumber('every', values.every, 1, MOST_SECONDS);
    const witness = openWitness(folder, values.name ?? '');
    const signed = await withAuditLog(keyTexts(values.key), async (log) => {
      for (;;) {
        const looked = await witness.look(log);
        if (seconds === undefined) return looked;
        await delay(seconds * 1000);
      }
    });
    const lines = signed.map(({ origin, size }) => `${origin}: ${size} entries`);
    output.result({ key: witness.key, signed }, [...lines, `Key: ${witness.key}`].join('\n'));
  },
);

function openWitness(folder: string, name: string) {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const keyFile = join(folder, 'witness.key');
  if (!existsSync(keyFile)) writeFileSync(keyFile, randomBytes(32).toString('base64'), { mode: 0o600, flag: 'wx' });
  const signer = signerOf(name, Buffer.from(readFileSync(keyFile, 'utf8'), 'base64'), 4);
  const seenFile = join(folder, 'checkpoints');

  function seen(keys: readonly NoteVerifier[]): Map<string, OpenedCheckpoint> {
    const notes = existsSync(seenFile) ? readCheckpoints(readFileSync(seenFile, 'utf8')) : [];
    return new Map(
      notes.map((note) => openCheckpoint(note, keys)).map((checkpoint) => [checkpoint.origin, checkpoint]),
    );
  }

  async function cosign(
    reader: Reader,
    tree: TreeRow,
    keys: readonly NoteVerifier[],
    before: OpenedCheckpoint | undefined,
  ) {
    const last = await lastCheckpoint(reader, tree.id);
    if (!last) return undefined;
    const next = openCheckpoint(last.note, keys);
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
    appendFileSync(seenFile, `${last.note}${line}\n`, { mode: 0o600 });
    return next;
  }

  return {
    key: verifierText(signer),
    async look({ keys, read }: OpenLog): Promise<{ origin: string; size: number }[]> {
      const known = seen(keys);
      return read(async (reader) => {
        const trees = await listTrees(reader);
        const gone = [...known.keys()].find((origin) => !trees.some((tree) => tree.origin === origin));
        if (gone !== undefined) throw new CommandError(`${gone} was seen before and is not there any more`);
        const signed: { origin: string; size: number }[] = [];
        for (const tree of trees) {
          const next = await cosign(reader, tree, keys, known.get(tree.origin));
          if (next) signed.push({ origin: next.origin, size: next.size });
        }
        return signed;
      });
    },
  };
}
