import { Button, Checkbox, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { type RoleEntry, roleChange, roleCreate } from '@valtronics/contract';
import { useMe } from '../../api/session.ts';
import { useChange } from '../../api/use-endpoint.ts';
import { humanName } from '../../ui/format-value.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { orNull, useContractForm } from '../../ui/forms/use-contract-form.ts';
import { sayDone } from '../../ui/toasts.tsx';
import { PermissionsField } from './permissions-field.tsx';

/** A role of the organisation's own. What its maker may not do themselves stays closed: nobody gives more than they have. */
export function RoleDialog({ role, onClose }: { role?: RoleEntry; onClose: () => void }) {
  const me = useMe();
  const form = useContractForm({
    name: role?.name ?? '',
    description: role?.description ?? '',
    permissions: role?.permissions ?? [],
    requiresFactor: role?.requiresFactor ?? false,
  });
  const create = useChange(roleCreate, ['/roles']);
  const change = useChange(roleChange, ['/roles']);
  const { name, permissions: held } = form.values;

  const submit = () => {
    const common = {
      description: orNull(form.values.description),
      permissions: held,
      requiresFactor: form.values.requiresFactor,
    };
    return role
      ? form.submit(roleChange.body, common, async (body) => {
          await change.mutateAsync({ params: { name: role.name }, body });
          sayDone(`${humanName(role.name)} saved`);
          onClose();
        })
      : form.submit(roleCreate.body, { ...common, name: name.trim() }, async (body) => {
          await create.mutateAsync({ body });
          sayDone(`${humanName(name)} added`);
          onClose();
        });
  };

  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      title={role ? humanName(role.name) : 'New role'}
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
          {role ? null : (
            <TextInput
              data-autofocus
              label="Name"
              description="Small letters, digits and hyphens"
              placeholder="night-shift"
              maxLength={40}
              {...form.text('name')}
            />
          )}
          <TextInput label="What it is for" maxLength={300} {...form.text('description')} />
          <PermissionsField
            value={held}
            error={form.errors.permissions}
            refusalOf={(permission) =>
              me.permissions.includes(permission) ? undefined : 'You do not hold it yourself'
            }
            onChange={(next) => form.set('permissions', next)}
          />
          <Checkbox
            size="xs"
            label="Whoever holds it must have a second factor"
            checked={form.values.requiresFactor}
            onChange={(event) => form.set('requiresFactor', event.currentTarget.checked)}
          />
          <Text size="xs" c="dimmed">
            A change holds from the next request of everybody who has the role; open connections follow within a second.
          </Text>
          <FormProblem problem={form.problem} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={create.isPending || change.isPending}>
              {role ? 'Save' : 'Add role'}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
