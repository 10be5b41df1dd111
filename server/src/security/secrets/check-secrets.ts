import type { Config } from '../../platform/config/config.ts';
import type { GivenSecret } from '../../platform/config/secret-settings.ts';
import type { CommonPasswords } from '../crypto/common-passwords.ts';
import { fileFindings, folderFindings } from './file-permissions.ts';
import type { SecretFinding } from './secret-finding.ts';

/** Values that stand in documentation, images and examples everywhere, and are no common passwords of people. */
const DEFAULTS: ReadonlySet<string> = new Set([
  'valtronics', 'postgres', 'redis', 'minioadmin', 'changeit', 'changeme', 'change-me', 'change_me', 'replace-me', 'replaceme', 'secret',
  'supersecret', 'my-secret', 'mysecret', 'example', 'default', 'guest', 'root', 'toor', 'test', 'token', 'your-token', 'your-password',
]); // biome-ignore format: a list
/** Of a secret that no person has to remember. */
const FEWEST_DIFFERENT = 8;
const CHOSEN_BY_PEOPLE = 'VALTRONICS_ADMIN_PASSWORD';

/**
 * Everything about the secrets of this installation that makes them less than secret: who else can read them, whether somebody could guess
 * them, whether one stands for another. Answers names, places and remedies; no value leaves.
 */
export function checkSecrets(given: {
  readonly config: Pick<Config, 'dataDir' | 'rootKeyFile' | 'tls'>;
  readonly secrets: readonly GivenSecret[];
  readonly common: CommonPasswords;
}): SecretFinding[] {
  const { config, secrets, common } = given;
  const { keyFile } = config.tls;
  const inFolder = folderFindings(config.dataDir);
  const named = [
    ...fileFindings(config.rootKeyFile, 'the root key'),
    ...(keyFile === undefined ? [] : fileFindings(keyFile, 'the private key of the certificate')),
    ...secrets.flatMap(({ name, file }) => (file === undefined ? [] : fileFindings(file, `the file of ${name}`))),
  ];
  const known = new Set(inFolder.map(({ where }) => where));
  return [
    ...inFolder,
    ...named.filter(({ where }) => !known.has(where)),
    ...secrets.flatMap((secret) => valueFindings(secret, common)),
    ...reused(secrets),
  ];
}

function valueFindings({ name, value, file }: GivenSecret, common: CommonPasswords): SecretFinding[] {
  if (value === '') return [];
  const findings: SecretFinding[] = [];
  const why = guessable(name, value, common);
  if (why !== undefined)
    findings.push({
      kind: 'guessable',
      where: name,
      problem: why,
      remedy: 'give one that was made at random: openssl rand -base64 32',
    });
  if (file === undefined)
    findings.push({
      kind: 'in_environment',
      where: name,
      problem: 'stands in the environment, which whoever looks at the process or the container can read',
      remedy: `put it into a file of mode 600 and name that in ${name}_FILE`,
    });
  return findings;
}

function guessable(name: string, value: string, common: CommonPasswords): string | undefined {
  const plain = value.toLowerCase();
  if (DEFAULTS.has(plain) || DEFAULTS.has(plain.replace(/[\d!.]+$/, ''))) return 'is a default that everybody knows';
  if (common.has(value) || common.isPair(value)) return 'is among the passwords that are tried first';
  if (name !== CHOSEN_BY_PEOPLE && new Set(value).size < FEWEST_DIFFERENT)
    return 'has too few different characters to be random';
  return undefined;
}

function reused(secrets: readonly GivenSecret[]): SecretFinding[] {
  const names = new Map<string, string[]>();
  for (const { name, value } of secrets) {
    if (value !== '') names.set(value, [...(names.get(value) ?? []), name]);
  }
  return [...names.values()]
    .filter((same) => same.length > 1)
    .map((same) => ({
      kind: 'reused',
      where: same.join(', '),
      problem: 'hold the same secret, so who learns one knows them all',
      remedy: 'give each its own',
    }));
}
