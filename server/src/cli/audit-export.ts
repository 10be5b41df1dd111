import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { writeKeyFile } from '../lib/transparency/log-folder.ts';
import { treeName } from '../lib/transparency/self-account.ts';
import { verifierText } from '../lib/transparency/signed-note.ts';
import { exportTree } from '../security/audit/export-log.ts';
import { listTrees } from '../security/audit/tree.repository.ts';
import { command } from './command.ts';
import { CommandError } from './command-error.ts';
import { progressOn, withAuditLog } from './with-audit-log.ts';

export const auditExport = command(
  {
    name: 'audit export',
    summary: 'Write the signed audit log to a folder that can be verified anywhere',
    argument: 'FOLDER',
    options: {
      organisation: {
        type: 'string',
        value: 'ID',
        help: 'only the log of this organisation; without it all of them and the instance\u2019s',
      },
    },
    examples: ['audit export ./audit-2026'],
    notes:
      'The folder must not be there yet. It holds personal values, as far as they are not erased: keep it as you keep the database.\nVerify it without this installation: node server/src/audit-verifier.ts FOLDER --key KEY',
  },
  async ({ argument: folder, values }, output) => {
    if (existsSync(folder)) throw new CommandError(`${folder} is there already`);
    const exported = await withAuditLog(undefined, ({ keys, read }) =>
      read(async (reader) => {
        const trees = (await listTrees(reader)).filter(
          ({ origin }) => values.organisation === undefined || origin.endsWith(`/${values.organisation}`),
        );
        if (trees.length === 0) throw new CommandError('there is no such log');
        const onProgress = progressOn(output.terminal);
        const logs: { origin: string; size: number }[] = [];
        for (const tree of trees) {
          // A single log is the folder itself; below one another they are all that were there.
          const place = values.organisation === undefined ? join(folder, treeName(tree.origin)) : folder;
          const size = await exportTree(reader, tree, place, (at, of) => onProgress(tree.origin, at, of));
          if (size > 0) logs.push({ origin: tree.origin, size });
        }
        const [key] = keys;
        if (logs.length === 0 || !key) throw new CommandError('nothing is signed yet');
        writeKeyFile(folder, verifierText(key));
        return { key: verifierText(key), logs };
      }),
    );
    const lines = exported.logs.map(({ origin, size }) => `${origin}: ${size} entries`);
    output.result({ folder, ...exported }, [...lines, `Key: ${exported.key}`].join('\n'));
  },
);
