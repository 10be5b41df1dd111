import { Button, Checkbox, Group, Modal, Stack, Text } from '@mantine/core';
import { deviceRegister } from '@valtronics/contract';
import { useState } from 'react';
import { Link } from 'react-router';
import type { ResultOf } from '../../api/call.ts';
import { useChange } from '../../api/use-endpoint.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { useContractForm } from '../../ui/forms/use-contract-form.ts';
import { paths } from '../../ui/paths.ts';
import { CopyBlock, SecretOnce } from '../../ui/secret-once.tsx';
import { DeviceFormFields, deviceBody, deviceFormValues } from './device-form-fields.tsx';
import { curlExample, mosquittoExample } from './send-examples.ts';

export function RegisterDeviceDialog({ types, onClose }: { types: readonly string[]; onClose: () => void }) {
  const form = useContractForm(deviceFormValues());
  const register = useChange(deviceRegister, ['/devices']);
  const [made, setMade] = useState<ResultOf<typeof deviceRegister> | null>(null);
  if (made) return <Registered made={made} onClose={onClose} />;
  return (
    <Modal opened onClose={onClose} title="Register a device" closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          const body = { ...deviceBody(form.values), ...(form.values.health ? { health: true } : {}) };
          void form.submit(deviceRegister.body, body, async (value) => {
            setMade(await register.mutateAsync({ body: value }));
          });
        }}
      >
        <Stack gap="sm">
          <DeviceFormFields form={form} types={types} />
          <Checkbox
            label="It measures a person"
            description="Its readings are health data; this cannot be changed later"
            checked={form.values.health}
            onChange={(event) => form.set('health', event.currentTarget.checked)}
          />
          <FormProblem problem={form.problem} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={register.isPending}>
              Register
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function Registered({ made, onClose }: { made: ResultOf<typeof deviceRegister>; onClose: () => void }) {
  const { device, credential } = made;
  const place = { deviceId: device.id, token: credential.token, origin: window.location.origin };
  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      title={`${device.name} is registered`}
      closeOnClickOutside={false}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <SecretOnce label="Device token" secret={credential.token}>
        <CopyBlock label="Device id (user name for MQTT)" text={device.id} />
        <CopyBlock label="Send a value over HTTPS" text={curlExample(place)} />
        <CopyBlock label="Send a value over MQTT" text={mosquittoExample(place)} />
        <Text size="xs" c="dimmed">
          <code>ca.pem</code> is the certificate authority of this installation; the server prints where it is when it
          starts.
        </Text>
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            Done
          </Button>
          <Button component={Link} to={paths.device(device.id)}>
            Open the device
          </Button>
        </Group>
      </SecretOnce>
    </Modal>
  );
}
