import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { type Role, serviceAccountCreate, type User } from '@valtronics/contract';
import { useChange } from '../../api/use-endpoint.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { useContractForm } from '../../ui/forms/use-contract-form.ts';
import { sayDone } from '../../ui/toasts.tsx';
import { RoleField } from '../people/role-field.tsx';

interface Props {
  onMade: (account: User) => void;
  onClose: () => void;
}

export function ServiceAccountDialog({ onMade, onClose }: Props) {
  const form = useContractForm({ name: '', role: 'user' as Role });
  const create = useChange(serviceAccountCreate, ['/users']);
  return (
    <Modal opened onClose={onClose} title="New service account" closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void form.submit(serviceAccountCreate.body, form.values, async (body) => {
            const account = await create.mutateAsync({ body });
            sayDone(`The service account ${account.name} is made`);
            onMade(account);
          });
        }}
      >
        <Stack gap="sm">
          <Text size="sm" c="dimmed">
            An account for a program. Nobody can sign in to it; it acts with the keys you make for it, and none of them
            may more than its role.
          </Text>
          <TextInput
            data-autofocus
            label="Name"
            placeholder="Export to the warehouse"
            maxLength={120}
            {...form.text('name')}
          />
          <RoleField value={form.values.role} error={form.errors.role} onChange={(role) => form.set('role', role)} />
          <FormProblem problem={form.problem} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={create.isPending}>
              Create account
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
