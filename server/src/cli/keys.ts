import { setTimeout as delay } from 'node:timers/promises';
import type { DataRotationShown, KeysShown } from '../control/key-commands.ts';
import { command } from './command.ts';
import { CommandError, UsageError } from './command-error.ts';
import type { Output, Stream } from './output.ts';
import { untilSignal } from './until-signal.ts';
import { onHost, withHost } from './with-platform.ts';

const notes =
  'Works on the data folder of VALTRONICS_DATA_DIR, whether its server runs or not. See docs/token-keys.md and docs/data-keys.md.';
const LOOK_EVERY_MS = 250;
const RESUME = 'valtronics keys rotate --data --resume';

export const keysStatus = command(
  {
    name: 'keys status',
    summary: 'Show the keys that sign access tokens, and the key epochs of the data',
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
    summary: 'Have the next key sign access tokens, or new keys seal the data; nothing is refused meanwhile',
    options: {
      now: { type: 'boolean', help: 'in an emergency: even if the next key was published less than five minutes ago' },
      data: { type: 'boolean', help: 'the keys of the data: a new key epoch, and everything sealed again under it' },
      resume: { type: 'boolean', help: 'with --data: go on with what was interrupted, without another epoch' },
    },
    examples: ['keys rotate', 'keys rotate --data', 'keys rotate --data --resume'],
    notes: `Signing keys rotate by themselves every VALTRONICS_SIGNING_KEY_DAYS; keys of the data when they are told to.\n${notes}`,
  },
  async ({ values: { now = false, data = false, resume = false } }, output) => {
    if (resume && !data) throw new UsageError('--resume goes with --data');
    if (now && data) throw new UsageError('--now does not go with --data');
    if (data) return rotateData(resume, output);
    const shown = await onHost('keys.rotate', { now });
    output.result(shown, asText(shown));
  },
);

export const keysRetire = command(
  {
    name: 'keys retire',
    summary: 'End a signing key (KID) that somebody else may have, or a key epoch of the data (its number), for good',
    argument: 'KID|EPOCH',
    options: {},
    examples: ['keys retire 0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I', 'keys retire 1'],
    notes: `Tokens of a retired key are refused at once; clients get new ones with their refresh tokens. An epoch is retired only when nothing is
sealed under it; what comes back from a backup under it is refused. A KID that begins with - is given after --.\n${notes}`,
  },
  async ({ argument }, output) => {
    const shown = /^\d{1,9}$/.test(argument)
      ? await onHost('keys.retire-data', { epoch: Number(argument) })
      : await onHost('keys.retire', { kid: argument });
    output.result(shown, asText(shown));
  },
);

/** The server seals by itself; we look on. Interrupted here it goes on there, and without a server it can be gone on with. */
async function rotateData(resume: boolean, output: Output): Promise<void> {
  const last = await withHost((ask) =>
    untilSignal(undefined, async (signal) => {
      let at = await ask('keys.rotate-data', { resume });
      while (at.state === 'running' && !signal.aborted) {
        showBar(output.terminal, at);
        await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
        at = await ask('keys.rotate-data.progress', {});
      }
      showBar(output.terminal, at);
      if (output.terminal.isTTY) output.terminal.write('\n');
      return at;
    }),
  );
  if (last.state === 'failed') throw new CommandError(`not everything was sealed again: see the log, then ${RESUME}`);
  if (last.state !== 'done') throw new CommandError(`interrupted: a running server goes on; else ${RESUME}`);
  const { total, unreadable } = last;
  const stay = `${unreadable} open under no key there is: they stay as they are, and their epoch cannot be retired.`;
  const text = `${total - unreadable} of ${total} values are sealed under the newest key epoch.`;
  output.result(last, unreadable === 0 ? text : `${text}\n${stay}`);
}

const BAR_WIDTH = 30;

function showBar(terminal: Stream, { done, total }: DataRotationShown): void {
  if (!terminal.isTTY) return;
  const share = total === 0 ? 0 : done / total;
  const filled = Math.round(share * BAR_WIDTH);
  const bar = '#'.repeat(filled) + '-'.repeat(BAR_WIDTH - filled);
  terminal.write(`\r\u001b[K[${bar}] ${Math.floor(share * 100)} %  ${done} of ${total} values`);
}

function asText({ keys, rotationDueAt, dataEpochs }: KeysShown): string {
  const signing = keys.map((key) => `${key.kid}  ${key.algorithm.padEnd(5)}  ${key.status.padEnd(8)}  ${sinceOf(key)}`);
  const epochs = dataEpochs.map((epoch) => `${epoch.epoch}  ${epoch.status.padEnd(8)}  ${valuesOf(epoch)}`);
  const isUnfinished = dataEpochs.some(({ status, values }) => status !== 'active' && values > 0);
  return [
    'Keys that sign access tokens:',
    ...signing,
    `Next rotation: ${rotationDueAt}`,
    '',
    'Key epochs of the data:',
    ...epochs,
    ...(isUnfinished ? [`Not everything is sealed under the active one: ${RESUME}`] : []),
  ].join('\n');
}

function sinceOf(key: KeysShown['keys'][number]): string {
  if (key.status === 'next') return `published ${key.createdAt}`;
  if (key.status === 'active') return `signs since ${key.activatedAt}`;
  if (key.status === 'retiring') return `verifies until ${key.retiresAt}`;
  return `ended ${key.retiredAt}`;
}

function valuesOf({ status, createdAt, replacedAt, retiredAt, values }: KeysShown['dataEpochs'][number]): string {
  if (status === 'active') return `seals since ${createdAt}, ${values} values`;
  if (status === 'previous') return `replaced ${replacedAt}, ${values} values`;
  return `ended ${retiredAt}`;
}
