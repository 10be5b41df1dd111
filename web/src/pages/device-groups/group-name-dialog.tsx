import { Button, Group, Modal, Stack, TextInput } from '@mantine/core';
import { type DeviceGroup, deviceGroupChange, deviceGroupCreate } from '@valtronics/contract';
import { useChange } from '../../api/use-endpoint.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { useContractForm } from '../../ui/forms/use-contract-form.ts';
import { sayDone } from '../../ui/toasts.tsx';
import { staleWithGroups } from './use-device-groups.ts';

interface Props {
  /** Renames it; without one a group is made. */
  group?: Pick<DeviceGroup, 'id' | 'name'>;
  onDone: (id: string) => void;
  onClose: () => void;
}

export function GroupNameDialog({ group, onDone, onClose }: Props) {
  const form = useContractForm({ name: group?.name ?? '' });
  const create = useChange(deviceGroupCreate, staleWithGroups);
  const change = useChange(deviceGroupChange, staleWithGroups);
  const submit = () =>
    group
      ? form.submit(deviceGroupChange.body, form.values, async (body) => {
          const { id, name } = await change.mutateAsync({ params: { id: group.id }, body });
          sayDone(`${group.name} is now called ${name}`);
          onDone(id);
        })
      : form.submit(deviceGroupCreate.body, form.values, async (body) => {
          const { id, name } = await create.mutateAsync({ body });
          sayDone(`The group ${name} is made`, 'Choose the devices that belong to it.');
          onDone(id);
        });
  return (
    <Modal
      opened
      onClose={onClose}
      title={group ? `Rename ${group.name}` : 'New device group'}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <Stack gap="sm">
          <TextInput data-autofocus label="Name" placeholder="Cold rooms" maxLength={120} {...form.text('name')} />
          <FormProblem problem={form.problem} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={create.isPending || change.isPending}>
              {group ? 'Rename' : 'Create and choose devices'}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
