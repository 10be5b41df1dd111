import { Stack, Text } from '@mantine/core';
import type { KeyStoreShown } from '@valtronics/contract';
import { Fact, Facts } from '../../ui/facts.tsx';
import { countText } from '../../ui/format-value.ts';
import { Panel } from '../../ui/page.tsx';
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

const notYet = 'being counted';

function peopleText(count: number): string {
  if (count === 0) return 'nobody';
  return count === 1 ? '1 person' : `${countText(count)} people`;
}
