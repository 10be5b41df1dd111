import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { type User, userChange } from '@valtronics/contract';
import { useMe } from '../../api/session.ts';
import { useChange } from '../../api/use-endpoint.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { orNull, useContractForm } from '../../ui/forms/use-contract-form.ts';
import { sayDone } from '../../ui/toasts.tsx';
import { RoleField } from './role-field.tsx';

export function ChangePersonDialog({ person, onClose }: { person: User; onClose: () => void }) {
  const me = useMe();
  const form = useContractForm({ name: person.name ?? '', phone: person.phone ?? '', role: person.role });
  const change = useChange(userChange, ['/users', '/auth/me']);
  const isSelf = person.id === me.id;
  return (
    <Modal opened onClose={onClose} title={person.email} closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          const { name, phone, role } = form.values;
          // Only what changed is sent; one's own role may not be.
          const body = {
            ...(orNull(name) !== person.name ? { name: orNull(name) } : {}),
            ...(orNull(phone) !== person.phone ? { phone: orNull(phone) } : {}),
            ...(role !== person.role ? { role } : {}),
          };
          if (Object.keys(body).length === 0) return onClose();
          void form.submit(userChange.body, body, async (sound) => {
            await change.mutateAsync({ params: { id: person.id }, body: sound });
            sayDone(`${person.email} changed`);
            onClose();
          });
        }}
      >
        <Stack gap="sm">
          <TextInput data-autofocus label="Name" {...form.text('name')} />
          <TextInput label="Phone" description="With the country, as +15551234567" {...form.text('phone')} />
          <RoleField
            value={form.values.role}
            error={form.errors.role}
            disabled={isSelf}
            onChange={(role) => form.set('role', role)}
          />
          <Text size="xs" c="dimmed">
            {isSelf
              ? 'Your own role is changed by another administrator.'
              : 'A new role holds from the next request on; open connections follow within a second.'}
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
