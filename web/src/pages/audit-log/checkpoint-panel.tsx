import { Button, Code, Group, Skeleton, Stack, Text } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { auditLogCheckpoint } from '@valtronics/contract';
import { useEndpoint } from '../../api/use-endpoint.ts';
import { Copyable } from '../../ui/copyable.tsx';
import { download } from '../../ui/download.ts';
import { countText } from '../../ui/format-value.ts';
import { ErrorState } from '../../ui/states/states.tsx';
import { exactTime } from '../../ui/time/format-time.ts';
import classes from './audit-log.module.css';

/** The newest signed head, and the key a stranger verifies it with. */
export function CheckpointPanel({ of }: { of: 'instance' | undefined }) {
  const { data, error, refetch } = useEndpoint(auditLogCheckpoint, { query: { of } }, { refetchInterval: 10_000 });
  if (error?.code === 'not_found') {
    return (
      <Text size="sm" c="dimmed">
        Nothing is signed yet: the first checkpoint follows within five seconds of the first event.
      </Text>
    );
  }
  if (error) return <ErrorState problem={error} onRetry={refetch} />;
  if (!data) return <Skeleton h={160} />;
  return (
    <Stack gap="sm">
      <Text size="sm">
        {countText(data.size)} {of === 'instance' ? 'entries' : 'events'} were signed at {exactTime(data.signedAt)}.
        Keep a checkpoint somewhere else: against it, nobody can rewrite, cut off or roll back what came before.
      </Text>
      <Group gap={6} wrap="nowrap">
        <Text size="sm" c="dimmed">
          Key
        </Text>
        <Copyable value={data.key} label="Copy the public key" />
      </Group>
      <Code block className={classes.details} tabIndex={0}>
        {data.note}
      </Code>
      <Group gap="xs">
        <Button
          variant="default"
          leftSection={<IconDownload size={14} />}
          onClick={() => download(`audit-log-${of ?? 'organisation'}-${data.size}.checkpoint`, data.note, 'text/plain')}
        >
          Save this checkpoint
        </Button>
      </Group>
    </Stack>
  );
}
