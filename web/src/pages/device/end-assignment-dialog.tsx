import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { assignmentRemove, type Device, type DeviceAssignment, deviceUnassign } from '@valtronics/contract';
import { useChange } from '../../api/use-endpoint.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { useContractForm } from '../../ui/forms/use-contract-form.ts';
import { sayDone } from '../../ui/toasts.tsx';
import { subjectLabel } from '../subjects/subject-label.tsx';
import { atOf, instantOf } from './local-moment.ts';

const stale = ['/subjects', '/devices/{id}/assignments'];

export function EndAssignmentDialog({
  device,
  assignment,
  onClose,
}: {
  device: Device;
  assignment: DeviceAssignment;
  onClose: () => void;
}) {
  const form = useContractForm({ until: '' });
  const end = useChange(deviceUnassign, stale);
  const remove = useChange(assignmentRemove, stale);
  const params = { id: device.id, assignmentId: assignment.id };
  const who = subjectLabel(assignment.subject);
  const done = (title: string) => {
    sayDone(title);
    onClose();
  };
  return (
    <Modal opened onClose={onClose} title="End the assignment" closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          const body = { until: instantOf(form.values.until) ?? new Date().toISOString() };
          void form.submit(deviceUnassign.body, body, async (sound) => {
            await end.mutateAsync({ params, body: sound });
            done(`${device.name} no longer measures ${who}`);
          });
        }}
      >
        <Stack gap="sm">
          <Text size="sm">
            {device.name} measures <b>{who}</b> since {atOf(assignment.from)}. What it measured until the end stays
            theirs.
          </Text>
          <TextInput
            data-autofocus
            type="datetime-local"
            label="Until"
            description="Empty: until now"
            {...form.text('until')}
          />
          <FormProblem problem={form.problem ?? remove.error} />
          <Group justify="space-between" gap="xs">
            <Button
              variant="subtle"
              color="red"
              loading={remove.isPending}
              onClick={() =>
                remove.mutate({ params }, { onSuccess: () => done(`The assignment of ${who} is removed`) })
              }
            >
              It was a mistake: remove it
            </Button>
            <Group gap="xs">
              <Button variant="default" onClick={onClose}>
                Cancel
              </Button>
              <Button type="submit" loading={end.isPending}>
                End
              </Button>
            </Group>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
