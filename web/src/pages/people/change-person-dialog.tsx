import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { type User, userChange } from '@valtronics/contract';
import { useMe } from '../../api/session.ts';
import { useChange } from '../../api/use-endpoint.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { orNull, useContractForm } from '../../ui/forms/use-contract-form.ts';
import { sayDone } from '../../ui/toasts.tsx';
import { UNREADABLE_WHY } from '../../ui/unreadable.tsx';
import { DeviceScopeField } from '../device-groups/device-scope-field.tsx';
import { calledOf } from './called.ts';
import { RoleField } from './role-field.tsx';

const isSame = (some: readonly string[], others: readonly string[]) =>
  some.length === others.length && some.every((id) => others.includes(id));

export function ChangePersonDialog({ person, onClose }: { person: User; onClose: () => void }) {
  const me = useMe();
  const form = useContractForm({
    name: person.name ?? '',
    phone: person.phone ?? '',
    role: person.role,
    deviceScope: person.deviceScope,
    deviceGroupIds: person.deviceGroupIds,
  });
  const change = useChange(userChange, ['/users', '/auth/me', '/device-groups']);
  const called = calledOf(person);
  const isProgram = person.kind === 'service';
  const isSelf = person.id === me.id;
  return (
    <Modal opened onClose={onClose} title={called} closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          const { name, phone, role, deviceScope, deviceGroupIds } = form.values;
          // A limit that is lifted leaves no groups behind: they would count somebody who is not limited to them.
          const groupsBefore = person.deviceScope === 'limited' ? person.deviceGroupIds : [];
          const groups = deviceScope === 'limited' ? deviceGroupIds : [];
          // Only what changed is sent; one's own role and devices may not be.
          const body = {
            ...(orNull(name) !== person.name ? { name: orNull(name) } : {}),
            ...(orNull(phone) !== person.phone ? { phone: orNull(phone) } : {}),
            ...(role !== person.role ? { role } : {}),
            ...(deviceScope !== person.deviceScope ? { deviceScope } : {}),
            ...(isSame(groups, groupsBefore) ? {} : { deviceGroupIds: groups }),
          };
          if (Object.keys(body).length === 0) return onClose();
          void form.submit(userChange.body, body, async (sound) => {
            await change.mutateAsync({ params: { id: person.id }, body: sound });
            sayDone(`${called} changed`);
            onClose();
          });
        }}
      >
        <Stack gap="sm">
          <TextInput
            data-autofocus
            label="Name"
            description={person.unreadable.includes('name') ? UNREADABLE_WHY : undefined}
            {...form.text('name')}
          />
          {isProgram ? null : (
            <TextInput
              label="Phone"
              description={person.unreadable.includes('phone') ? UNREADABLE_WHY : 'With the country, as +15551234567'}
              {...form.text('phone')}
            />
          )}
          <RoleField
            value={form.values.role}
            error={form.errors.role}
            disabled={isSelf}
            onChange={(role) => form.set('role', role)}
          />
          <DeviceScopeField
            everything="Every device"
            scope={form.values.deviceScope}
            groupIds={form.values.deviceGroupIds}
            hint={
              isProgram
                ? 'Every device outside of them does not exist for it; without a group it sees none'
                : 'They also see the devices they own; every other one does not exist for them'
            }
            error={form.errors.deviceGroupIds ?? form.errors.deviceScope}
            disabled={isSelf}
            onChange={(deviceScope, deviceGroupIds) => {
              form.set('deviceScope', deviceScope);
              form.set('deviceGroupIds', deviceGroupIds);
            }}
          />
          <Text size="xs" c="dimmed">
            {isSelf
              ? 'Your own role and devices are changed by another administrator.'
              : 'A change holds from the next request on; open connections follow within a second.'}
          </Text>
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
