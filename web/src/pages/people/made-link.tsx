import { Button, Group, Stack, Text } from '@mantine/core';
import { CopyBlock } from '../../ui/secret-once.tsx';
import { exactTime } from '../../ui/time/format-time.ts';

export interface Link {
  /** Null: it went by mail, and to nobody else. */
  readonly url: string | null;
  readonly expiresAt: string;
  readonly mailed: boolean;
}

interface Props {
  label: string;
  /** What the link does, as in “opens one account”. */
  does: string;
  link: Link;
  onDone: () => void;
}

/** A link that is good once, to be handed over. */
export function MadeLink({ label, does, link, onDone }: Props) {
  const goodUntil = `${does} and is good until ${exactTime(link.expiresAt, { milliseconds: false })}.`;
  return (
    <Stack gap="sm">
      {link.url === null ? (
        <Text size="sm">The link was mailed to them and is shown to nobody else. It {goodUntil}</Text>
      ) : (
        <>
          <Text size="sm">
            {link.mailed ? 'It was mailed to them, too. ' : 'It could not be mailed, so give it to them yourself. '}
            The link is shown this once, {goodUntil}
          </Text>
          <CopyBlock label={label} text={link.url} />
        </>
      )}
      <Group justify="flex-end">
        <Button onClick={onDone}>Done</Button>
      </Group>
    </Stack>
  );
}
