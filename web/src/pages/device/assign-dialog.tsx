import { Button, Checkbox, Group, Modal, Stack, TextInput } from '@mantine/core';
import { type Device, type DeviceAssignment, deviceAssign } from '@valtronics/contract';
import { useChange } from '../../api/use-endpoint.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { useContractForm } from '../../ui/forms/use-contract-form.ts';
import { sayDone } from '../../ui/toasts.tsx';
import { subjectLabel } from '../subjects/subject-label.tsx';
import { SubjectPicker } from '../subjects/subject-picker.tsx';
import { atOf, instantOf } from './local-moment.ts';

export function AssignDialog({
  device,
  current,
  onClose,
}: {
  device: Device;
  current: DeviceAssignment | undefined;
  onClose: () => void;
}) {
  const form = useContractForm({ subjectId: '', from: '', until: '', endCurrent: true });
  const assign = useChange(deviceAssign, ['/subjects', '/devices/{id}/assignments']);
  const { subjectId, from, until, endCurrent } = form.values;
  return (
    <Modal
      opened
      onClose={onClose}
      title={`Whom does ${device.name} measure?`}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (subjectId === '') {
            form.fail({ subjectId: 'Choose a person' });
            return;
          }
          const body = {
            subjectId,
            from: instantOf(from),
            until: instantOf(until),
            endCurrent: current ? endCurrent : undefined,
          };
          void form.submit(deviceAssign.body, body, async (sound) => {
            const { subject } = await assign.mutateAsync({ params: { id: device.id }, body: sound });
            sayDone(`${device.name} measures ${subjectLabel(subject)}`);
            onClose();
          });
        }}
      >
        <Stack gap="sm">
          <SubjectPicker
            value={subjectId === '' ? null : subjectId}
            error={form.errors.subjectId}
            onChange={(id) => form.set('subjectId', id ?? '')}
          />
          <TextInput
            type="datetime-local"
            label="From"
            description="Empty: from now on. May lie in the past, to correct"
            {...form.text('from')}
          />
          <TextInput
            type="datetime-local"
            label="Until"
            description="Empty: until it is ended"
            {...form.text('until')}
          />
          {current ? (
            <Checkbox
              label={`End the assignment of ${subjectLabel(current.subject)} then`}
              description={`It is open since ${atOf(current.from)}; a device measures one person at a time`}
              checked={endCurrent}
              onChange={(event) => form.set('endCurrent', event.currentTarget.checked)}
            />
          ) : null}
          <FormProblem problem={form.problem} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={assign.isPending}>
              Assign
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
