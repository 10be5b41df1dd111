import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ApiClient, signIn } from '../../server/src/cli/api-client.ts';
import type { Place } from './place.ts';
import type { RunningProgram } from './program.ts';
import { PASSWORD_AT_THE_COMMAND_LINE } from './secret-sieve.ts';

export const PASSWORD = PASSWORD_AT_THE_COMMAND_LINE;

/** Its arguments; the password is its input. */
export const newAdministrator = (email: string): string[] => [
  ...['users', 'create', '--email', email, '--role', 'admin', '--password-stdin', '--json'],
];

export function signedIn({ url, dataDir }: Pick<Place, 'url' | 'dataDir'>, email: string): Promise<ApiClient> {
  const ca = readFileSync(join(dataDir, 'tls/ca.pem'), 'utf8');
  return signIn({ url, ca }, { email, password: PASSWORD });
}

/** What a command that succeeds printed with `--json`. */
// biome-ignore lint/suspicious/noExplicitAny: a test looks into answers whose shape it is about to assert
export async function done(program: RunningProgram): Promise<{ json: any; err: string }> {
  const { code, out, err } = await program.finished();
  if (code !== 0) throw new Error(`exit code ${code}: ${err}`);
  return { json: JSON.parse(out), err };
}
