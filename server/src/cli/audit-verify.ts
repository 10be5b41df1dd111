import { existsSync, readFileSync, statSync } from 'node:fs';
import { readKeyFile } from '../lib/transparency/log-folder.ts';
import { type NoteVerifier, parseVerifier, verifierText } from '../lib/transparency/signed-note.ts';
import { isGood, type KeySource, verdictDocument, verdictText } from '../lib/transparency/verdict-text.ts';
import { type FileVerdict, trustedCheckpoints, verifyFolder, verifyProof } from '../lib/transparency/verify-offline.ts';
import { verifyDatabase } from '../security/audit/verify-database.ts';
import { command } from './command.ts';
import { CommandError } from './command-error.ts';
import type { Output } from './output.ts';
import { complainOn, installedKeys, keyTexts, progressOn, withAuditLog } from './with-audit-log.ts';

export const auditVerify = command(
  {
    name: 'audit verify',
    summary: 'Verify the audit log: of this installation, of an exported folder, or the proof of one event',
    argument: '[PATH]',
    options: {
      key: {
        type: 'string',
        multiple: true,
        value: 'KEY',
        help: 'public key to believe, or a file that holds it; without it the log\u2019s own',
      },
      checkpoint: {
        type: 'string',
        multiple: true,
        value: 'FILE',
        help: 'checkpoints that were kept elsewhere: notes, or lines of a SIEM',
      },
    },
    examples: [
      'audit verify',
      'audit verify --checkpoint /mnt/elsewhere/checkpoints',
      'audit verify ./export --key "$KEY"',
    ],
    notes:
      'PATH: a folder of "audit export" or a file of "audit prove"; without it the live log.\nExit code 1 if anything is not as it was signed. See docs/audit-log.md for what a checkpoint from elsewhere adds.',
  },
  async ({ values, argument: path }, output) => {
    const given = keyTexts(values.key);
    const complain = complainOn(output.terminal);
    if (path === '') {
      const answer = await withAuditLog(given, async ({ keys, transactions }) => {
        const checkpoints = trustedCheckpoints(values.checkpoint ?? [], keys, complain);
        const onProgress = progressOn(output.terminal);
        return { keys, verdicts: await verifyDatabase(transactions, { keys, checkpoints }, onProgress) };
      });
      return tell(answer.verdicts, answer.keys, given ? 'given' : 'installation', output);
    }
    if (!existsSync(path)) throw new CommandError(`there is no ${path}`);
    if (!statSync(path).isDirectory()) {
      const keys = (given ?? []).map(parseVerifier);
      const proven = verifyProof(readFileSync(path, 'utf8'), keys);
      const event = `position ${proven.position} of ${proven.origin}, proven against ${proven.size} entries`;
      return output.result(
        proven,
        `${event}\n${JSON.stringify({ event: proven.event, values: proven.values }, null, 2)}`,
      );
    }
    const own = given ? undefined : readKeyFile(path);
    const keys = (given ?? (own === undefined ? [] : [own])).map(parseVerifier);
    const trusted = trustedCheckpoints(values.checkpoint ?? [], keys, complain);
    const verdicts = await verifyFolder(path, keys, trusted, progressOn(output.terminal));
    if (given) return tell(verdicts, keys, 'given', output);
    const isOurs = (await installedKeys()).some((key) => verifierText(key) === own);
    return tell(verdicts, keys, isOurs ? 'installation' : 'export', output);
  },
);

function tell(
  verdicts: readonly FileVerdict[],
  keys: readonly NoteVerifier[],
  keyFrom: KeySource,
  output: Output,
): void {
  const texts = keys.map(verifierText);
  output.result(
    { keys: texts, ...verdictDocument(verdicts, keyFrom) },
    `Key: ${texts.join('\n     ')}\n\n${verdictText(verdicts, keyFrom)}`,
  );
  if (!isGood(verdicts)) throw new CommandError('the audit log is not what was signed');
}
