import type { SigningKeysShown } from '../control/key-commands.ts';
import { command } from './command.ts';
import { onHost } from './with-platform.ts';

const notes =
  'Works on the data folder of VALTRONICS_DATA_DIR, whether its server runs or not. See docs/token-keys.md.';

export const keysStatus = command(
  {
    name: 'keys status',
    summary: 'Show the keys that sign access tokens',
    options: {},
    examples: ['keys status', 'keys status --json'],
    notes,
  },
  async (_, output) => {
    const shown = await onHost('keys.status', {});
    output.result(shown, asText(shown));
  },
);

export const keysRotate = command(
  {
    name: 'keys rotate',
    summary: 'Have the next key sign access tokens; no valid token is refused',
    options: {
      now: { type: 'boolean', help: 'in an emergency: even if the next key was published less than five minutes ago' },
    },
    examples: ['keys rotate'],
    notes: `It happens by itself every VALTRONICS_SIGNING_KEY_DAYS.\n${notes}`,
  },
  async ({ values }, output) => {
    const shown = await onHost('keys.rotate', { now: values.now ?? false });
    output.result(shown, asText(shown));
  },
);

export const keysRetire = command(
  {
    name: 'keys retire',
    summary: 'End a key that somebody else may have: its tokens are refused at once',
    argument: 'KID',
    options: {},
    examples: ['keys retire 0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I'],
    notes: `Clients get new tokens with their refresh tokens; nobody has to sign in again. A KID that begins with - is given after --.\n${notes}`,
  },
  async ({ argument }, output) => {
    const shown = await onHost('keys.retire', { kid: argument });
    output.result(shown, asText(shown));
  },
);

function asText({ keys, rotationDueAt }: SigningKeysShown): string {
  const lines = keys.map((key) => `${key.kid}  ${key.algorithm.padEnd(5)}  ${key.status.padEnd(8)}  ${sinceOf(key)}`);
  return [...lines, `Next rotation: ${rotationDueAt}`].join('\n');
}

function sinceOf(key: SigningKeysShown['keys'][number]): string {
  if (key.status === 'next') return `published ${key.createdAt}`;
  if (key.status === 'active') return `signs since ${key.activatedAt}`;
  if (key.status === 'retiring') return `verifies until ${key.retiresAt}`;
  return `ended ${key.retiredAt}`;
}
