import { Stack, Text } from '@mantine/core';
import type { KeyStoreShown } from '@valtronics/contract';
import { Fact, Facts } from '../../ui/facts.tsx';
import { countText } from '../../ui/format-value.ts';
import { Panel } from '../../ui/page.tsx';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import classes from './keys.module.css';
import { Said } from './said.tsx';

/** Keys of persons measured, apart from their data: with one of them destroyed, nobody can read what was sealed for its owner. */
export function KeyStorePanel({ store }: { store: KeyStoreShown }) {
  const { state, place, keys, destroyed } = store;
  return (
    <Panel title="Keys of people measured">
      <Stack gap="sm">
        <Facts>
          <Fact name="In">
            <span className={classes.place}>{place}</span>
          </Fact>
          {state === 'present' ? (
            <>
              <Fact name="Keys">{keys === null ? notYet : `${countText(keys)}, of all epochs`}</Fact>
              <Fact name="Destroyed">{destroyed === null ? notYet : `of ${peopleText(destroyed)}`}</Fact>
            </>
          ) : null}
        </Facts>
        {state === 'none' ? null : <Copies copies={store.copies} />}
        {state === 'none' ? (
          <Text size="sm" c="dimmed">
            Nobody is measured yet: the first person who is registered makes it.
          </Text>
        ) : null}
        {state === 'missing' ? (
          <Said tone="critical">
            It is missing: nothing that is sealed for a person opens, and nobody can be registered. Put its last copy
            back (mode 600); docs/key-store.md has the steps, also for when there is no copy.
          </Said>
        ) : null}
        {state === 'unusable' ? (
          <Said tone="critical">
            The file is damaged, or is the store of another database: nothing that is sealed for a person opens. Put the
            last copy of the right one in its place; docs/key-store.md has the steps.
          </Said>
        ) : null}
      </Stack>
    </Panel>
  );
}

/** What brings the store back when it is lost. */
function Copies({ copies }: { copies: KeyStoreShown['copies'] }) {
  if (!copies)
    return (
      <Said tone="warning">
        No copy of it is made: with it everything would be lost that is sealed for people. Set
        VALTRONICS_KEY_STORE_COPY_FOLDER to a folder on a storage where no backup of the data is, and start the server
        again.
      </Said>
    );
  const { place, days, count, newest } = copies;
  const isOld = newest === null || Date.now() - Date.parse(newest) > 2 * dayMs;
  if (count === null) return <Said tone="warning">Its copies in {place} cannot be looked at now.</Said>;
  return (
    <Said tone={isOld ? 'warning' : 'resolved'}>
      {newest ? (
        <>
          Copied <RelativeTime at={newest} />.{' '}
        </>
      ) : (
        'No copy of it is there yet. '
      )}
      One is made a day in {place}, and thrown away after {days === 1 ? 'a day' : `${days} days`}.
    </Said>
  );
}

const dayMs = 86_400_000;
const notYet = 'being counted';

function peopleText(count: number): string {
  if (count === 0) return 'nobody';
  return count === 1 ? '1 person' : `${countText(count)} people`;
}
