import { command } from './command.ts';
import { confirmTyped } from './terminal-line.ts';
import { onHost, withHost } from './with-platform.ts';

const notes = 'Works on the data folder of VALTRONICS_DATA_DIR, whether its server runs or not. See docs/key-store.md.';
const yesOption = { yes: { type: 'boolean', help: 'do not ask' } } as const;

export const keysSubjectsBackup = command(
  {
    name: 'keys subjects backup',
    summary:
      'Copy the store of the keys of persons measured to its own folder, and throw away copies whose time is over',
    options: {},
    examples: ['keys subjects backup'],
    notes: `The folder is VALTRONICS_KEY_STORE_COPY_FOLDER, on a storage where no backup of the data is. A copy is kept for
VALTRONICS_KEY_STORE_COPY_DAYS, and a server makes one a day by itself.\n${notes}`,
  },
  async (_, output) => {
    const made = await onHost('keys.subjects.backup', {});
    const { name, place, keys, thrownAwayAt, deleted } = made;
    const gone = deleted.length === 0 ? '' : `\nThrown away, since their time was over: ${deleted.join(', ')}`;
    output.result(made, `${keys} keys copied to ${name} in ${place}; thrown away at ${thrownAwayAt}.${gone}`);
  },
);

export const keysSubjectsDestroy = command(
  {
    name: 'keys subjects destroy',
    summary:
      'Erase a person measured: their key is destroyed, with it all that is sealed for them, in every backup too',
    argument: 'ID',
    options: yesOption,
    examples: ['keys subjects destroy 018f2f5c-0f5e-7c6e-9d5a-1f2e3d4c5b6a'],
    notes: `What DELETE /subjects/{id} does: the person and their assignments go, a line with a certificate goes into the ledger, and
copies of the key store from before bring them back for seven days more. Again, where the key could not be destroyed
the first time. It cannot be taken back.\n${notes}`,
  },
  async ({ argument: subject, values: { yes = false } }, output) => {
    await confirmTyped(output.terminal, 'This erases a person measured, for good.', subject, yes);
    const erased = await onHost('keys.subjects.destroy', { subject });
    const before = erased.again ? ' The person was removed before.' : '';
    output.result(erased, `The key of ${erased.subject} is destroyed.${before}`);
  },
);

export const keysSubjectsAcceptLoss = command(
  {
    name: 'keys subjects accept-loss',
    summary: 'Make a new store of the keys of persons measured, where the old one is lost and no copy of it is left',
    options: yesOption,
    examples: ['keys subjects accept-loss'],
    notes: `Look for a copy first: what was sealed with the keys of the lost store stays unreadable for good. Where it is found later
it is of no use any more.\n${notes}`,
  },
  async ({ values: { yes = false } }, output) => {
    const accepted = await withHost(async (ask) => {
      const { store, file } = await ask('keys.subjects.lost', {});
      const said = `The key store ${store} is lost: ${file} is not there. What was sealed for persons measured stays unreadable for good.`;
      await confirmTyped(output.terminal, said, store, yes);
      return ask('keys.subjects.accept-loss', { store });
    });
    output.result(accepted, `The key store ${accepted.store} takes the place of ${accepted.lost}.`);
  },
);
