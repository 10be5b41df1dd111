import { Progress, Stack, Text } from '@mantine/core';
import type { KeyEpoch, KeyRotation } from '@valtronics/contract';
import { countText } from '../../ui/format-value.ts';
import { Panel } from '../../ui/page.tsx';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { isUnderWay, leftOver, shareOf } from './key-words.ts';
import { Said } from './said.tsx';

export function RotationPanel({ rotation, epochs }: { rotation: KeyRotation; epochs: readonly KeyEpoch[] }) {
  return (
    <Panel title="Rotation">
      <Stack gap="xs" aria-live="polite">
        <HowFar rotation={rotation} epochs={epochs} />
      </Stack>
    </Panel>
  );
}

function HowFar({ rotation, epochs }: { rotation: KeyRotation; epochs: readonly KeyEpoch[] }) {
  const { done, total, unreadable, state } = rotation;
  if (isUnderWay(rotation))
    return (
      <>
        <Progress value={shareOf(rotation)} aria-label="Values sealed again" transitionDuration={150} />
        <Text size="sm">
          {countText(done)} of {countText(total)} values are sealed under the newest epoch, {shareOf(rotation)} %
        </Text>
        <Text size="sm" c="dimmed">
          {state === 'elsewhere' ? 'Another process on this database is at it. ' : ''}Nobody is refused anything
          meanwhile. It can be interrupted and gone on with.
        </Text>
      </>
    );
  const left = leftOver(epochs, rotation);
  if (left > 0 || state === 'failed')
    return (
      <Said tone="warning">
        {left > 0 ? `It stopped: ${countText(left)} values are still sealed under older epochs. ` : 'It stopped. '}
        They open as ever. Go on with it, here or with valtronics keys rotate --data --resume; the log of the server
        says why, unless it was ended.
      </Said>
    );
  return (
    <>
      {state === 'done' ? (
        <Said tone="resolved">Finished: {countText(done - unreadable)} values are sealed under the newest epoch.</Said>
      ) : (
        <LastBegun epochs={epochs} />
      )}
      {unreadable > 0 ? (
        <Said tone="warning">
          {countText(unreadable)} open under no key there is: they stay as they are, and their epoch cannot be retired.
        </Said>
      ) : null}
      <Text size="sm" c="dimmed">
        Once a year, when somebody with access to the root key has left, and when a backup of the database was lost
        together with the root key.
      </Text>
    </>
  );
}

function LastBegun({ epochs }: { epochs: readonly KeyEpoch[] }) {
  const active = epochs.find(({ status }) => status === 'active');
  if (!active) return null;
  return (
    <Text size="sm">
      None is under way. Epoch {active.number} began <RelativeTime at={active.createdAt} />.
    </Text>
  );
}
