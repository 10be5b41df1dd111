import { isConsistent } from '../lib/transparency/merkle.ts';
import { createTreeReader } from '../lib/transparency/tiles.ts';
import { trustedCheckpoints } from '../lib/transparency/verify-offline.ts';
import { listTrees, readTile, sizeOf } from '../security/audit/tree.repository.ts';
import { command } from './command.ts';
import { CommandError } from './command-error.ts';
import { complainOn, keyTexts, withAuditLog } from './with-audit-log.ts';

export const auditConsistency = command(
  {
    name: 'audit consistency',
    summary: 'Prove that the log of one checkpoint begins with the log of an earlier one',
    options: {
      from: { type: 'string', value: 'FILE', help: 'the earlier checkpoint', required: true },
      to: { type: 'string', value: 'FILE', help: 'the later one', required: true },
      key: {
        type: 'string',
        multiple: true,
        value: 'KEY',
        help: 'public key to believe; without it the log\u2019s own',
      },
    },
    examples: ['audit consistency --from monday.checkpoint --to friday.checkpoint'],
  },
  async ({ values }, output) => {
    const complain = complainOn(output.terminal);
    const proven = await withAuditLog(keyTexts(values.key), ({ keys, read }) =>
      read(async (reader) => {
        const older = trustedCheckpoints([values.from ?? ''], keys, complain).at(-1);
        const newer = trustedCheckpoints([values.to ?? ''], keys, complain).at(-1);
        if (!older || !newer || older.origin !== newer.origin)
          throw new CommandError('these are checkpoints of two logs');
        const tree = (await listTrees(reader)).find(({ origin }) => origin === older.origin);
        const size = tree ? await sizeOf(reader, tree.id) : 0;
        if (!tree || size < newer.size || newer.size < older.size)
          throw new CommandError(`the log here has ${size} entries, which is no continuation of these checkpoints`);
        const hashes = await createTreeReader((place) => readTile(reader, tree.id, place), size).consistency(
          older.size,
          newer.size,
        );
        if (!isConsistent(older, newer, hashes))
          throw new CommandError(
            'the later checkpoint is not a continuation of the earlier one: the log was rewritten',
          );
        return {
          origin: older.origin,
          from: older.size,
          to: newer.size,
          proof: hashes.map((hash) => hash.toString('base64')),
        };
      }),
    );
    const { origin, from, to, proof } = proven;
    output.result(proven, [`${origin}: ${to} entries begin with the ${from} of before. Proof:`, ...proof].join('\n'));
  },
);
