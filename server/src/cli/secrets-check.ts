import { givenSecrets } from '../platform/config/secret-settings.ts';
import { commonPasswords } from '../security/crypto/common-passwords.ts';
import { checkSecrets } from '../security/secrets/check-secrets.ts';
import { command } from './command.ts';
import { CommandError } from './command-error.ts';
import { commandConfig } from './with-platform.ts';

export const secretsCheck = command(
  {
    name: 'secrets check',
    summary: 'Look for secrets that others can read, that can be guessed, or that stand for one another',
    options: {},
    examples: ['secrets check', 'secrets check --json'],
    notes:
      'Looks at the settings as the server would get them, the files they name, and the data folder. Prints no value. Ends with 1 where\nsomething is found, so that a deployment can stop at it. See docs/secrets.md.',
  },
  async (_, output) => {
    const config = commandConfig();
    const secrets = givenSecrets();
    const findings = checkSecrets({ config, secrets, common: await commonPasswords() });
    const looked = `${secrets.length} ${secrets.length === 1 ? 'setting that holds a secret' : 'settings that hold secrets'}, the files they name, and ${config.dataDir}`;
    const lines = findings.map(({ where, problem, remedy }) => `${where}\n  ${problem}\n  → ${remedy}`);
    output.result(
      { checked: { settings: secrets.map(({ name }) => name), dataDir: config.dataDir }, findings },
      findings.length === 0 ? `Nothing is wrong with ${looked}.` : lines.join('\n'),
    );
    if (findings.length > 0) throw new CommandError(`${findings.length} found in ${looked}`);
  },
);
