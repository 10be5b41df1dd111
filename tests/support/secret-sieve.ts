import { tokenPrefixes } from '../../server/src/security/crypto/tokens.ts';
import { filePieces } from './file-pieces.ts';

// All traffic of all tests goes through here once more: tokens of ours have a shape that nothing else has, and people in tests have passwords that
// are nowhere else. None of them may stand in a line of a log, in a file of a data folder or in one of the database.

/** Of everybody whom `anApp` makes. */
export const PASSWORD_IN_APPS = 'seven quiet lamps of the night shift';
/** Of everybody whom a command makes. */
export const PASSWORD_AT_THE_COMMAND_LINE = 'nine kettles sing before the storm';

const prefixes = Object.values(tokenPrefixes).join('|');
// Without a look at the neighbours: the byte before a value in a file of the database is its length, which may well be a letter.
const SECRET = new RegExp(`(?:${prefixes})[A-Za-z0-9_-]{43}|${PASSWORD_IN_APPS}|${PASSWORD_AT_THE_COMMAND_LINE}`, 'g');
/** What was found, shortened so that the report is no leak itself. */
export const secretsIn = (text: string): string[] =>
  [...text.matchAll(SECRET)].map(([found]) => `${found.slice(0, 12)}…`);

/** `secret in file`, of every file below the folder. */
export async function secretsInFolder(folder: string): Promise<string[]> {
  const found = new Set<string>();
  for await (const { file, bytes } of filePieces(folder))
    for (const secret of secretsIn(bytes.toString('latin1'))) found.add(`${secret} in ${file}`);
  return [...found];
}
