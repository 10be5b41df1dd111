import { Button, Group, Modal, Stack } from '@mantine/core';
import { type Device, deviceChange, devicesSummary } from '@valtronics/contract';
import { useChange, useEndpoint } from '../../api/use-endpoint.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { useContractForm } from '../../ui/forms/use-contract-form.ts';
import { sayDone } from '../../ui/toasts.tsx';
import { DeviceFormFields, deviceBody, deviceFormValues } from '../devices/device-form-fields.tsx';

export function EditDeviceDialog({ device, onClose }: { device: Device; onClose: () => void }) {
  const form = useContractForm(deviceFormValues(device));
  const change = useChange(deviceChange, ['/devices', '/alert-rules']);
  const { data: summary } = useEndpoint(devicesSummary, {}, { staleTime: 30_000 });
  return (
    <Modal opened onClose={onClose} title={`Edit ${device.name}`} closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void form.submit(deviceChange.body, deviceBody(form.values, device), async (body) => {
            await change.mutateAsync({ params: { id: device.id }, body });
            sayDone('Changes saved');
            onClose();
          });
        }}
      >
        <Stack gap="sm">
          <DeviceFormFields form={form} device={device} types={summary?.byType.map(({ type }) => type) ?? []} />
          <FormProblem problem={form.problem} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={change.isPending}>
              Save
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
