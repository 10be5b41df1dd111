import { Button, Group, Modal, Skeleton, Stack, Text } from '@mantine/core';
import { type User, userSessionsList, userSessionsRevoke } from '@valtronics/contract';
import { useChange, useEndpoint } from '../../api/use-endpoint.ts';
import rows from '../../identity/rows.module.css';
import { SessionRow } from '../../identity/session-row.tsx';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { ErrorState } from '../../ui/states/states.tsx';
import { sayDone } from '../../ui/toasts.tsx';

export function PersonSessionsDialog({ person, onClose }: { person: User; onClose: () => void }) {
  const params = { id: person.id };
  const { data, error, refetch } = useEndpoint(userSessionsList, { params });
  const revoke = useChange(userSessionsRevoke, ['/users', '/auth/sessions']);
  const endAll = () =>
    revoke.mutate(
      { params },
      {
        onSuccess: ({ ended }) => {
          sayDone(ended === 1 ? 'One session has ended' : `${ended} sessions have ended`, person.email);
          onClose();
        },
      },
    );
  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      title={`Sessions of ${person.name ?? person.email}`}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <Stack gap="sm">
        {error && !data ? <ErrorState problem={error} onRetry={() => void refetch()} /> : null}
        {!data && !error ? <Skeleton height={96} /> : null}
        {data?.items.length === 0 ? (
          <Text size="sm" c="dimmed">
            Nobody is signed in to this account.
          </Text>
        ) : null}
        {data && data.items.length > 0 ? (
          <ul className={rows.list} aria-label="Sessions">
            {data.items.map((session) => (
              <SessionRow key={session.id} session={session} />
            ))}
          </ul>
        ) : null}
        <FormProblem problem={revoke.error} />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            Close
          </Button>
          <Button color="red.8" loading={revoke.isPending} disabled={!data || data.items.length === 0} onClick={endAll}>
            End all
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
