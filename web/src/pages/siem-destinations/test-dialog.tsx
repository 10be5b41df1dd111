import { Alert, Button, Code, Group, Loader, Modal, Stack, Text } from '@mantine/core';
import { IconAlertTriangle, IconCircleCheck } from '@tabler/icons-react';
import { siemDestinationTest } from '@valtronics/contract';
import { useEffect, useEffectEvent } from 'react';
import { useChange } from '../../api/use-endpoint.ts';
import { ErrorState } from '../../ui/states/states.tsx';
import classes from './siem-destinations.module.css';
import type { Destination } from './siem-words.ts';

/** Sends one event as it opens, and shows what the receiver said to it. */
export function TestDialog({ destination, onClose }: { destination: Destination; onClose: () => void }) {
  const test = useChange(siemDestinationTest, ['/siem-destinations']);
  const send = useEffectEvent(() => test.mutate({ params: { id: destination.id } }));
  useEffect(() => send(), []);
  const { data, error, isPending } = test;
  return (
    <Modal opened onClose={onClose} title={`Test of ${destination.name}`} closeButtonProps={{ 'aria-label': 'Close' }}>
      <Stack gap="sm">
        {isPending ? (
          <Group gap="xs" role="status">
            <Loader size="xs" />
            <Text size="sm">Waiting for the receiver…</Text>
          </Group>
        ) : null}
        {error && !isPending ? <ErrorState problem={error} /> : null}
        {data ? (
          <>
            <Alert
              variant="light"
              role="status"
              color={data.ok ? 'teal' : 'red'}
              icon={data.ok ? <IconCircleCheck size={16} /> : <IconAlertTriangle size={16} />}
              title={data.ok ? `Taken after ${data.milliseconds} ms` : `Not taken, after ${data.milliseconds} ms`}
            >
              {destination.kind === 'syslog_tls' && data.ok
                ? 'Syslog acknowledges nothing: the receiver took the connection and the frame.'
                : null}
            </Alert>
            <Code block className={classes.answer} tabIndex={0}>
              {data.answer}
            </Code>
          </>
        ) : null}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" disabled={isPending} onClick={() => send()}>
            Test again
          </Button>
          <Button onClick={onClose}>Done</Button>
        </Group>
      </Stack>
    </Modal>
  );
}
