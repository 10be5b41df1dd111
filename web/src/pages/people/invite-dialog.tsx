import { Button, Group, Modal, Stack, TextInput } from '@mantine/core';
import { type Role, userInvite } from '@valtronics/contract';
import { useState } from 'react';
import type { ResultOf } from '../../api/call.ts';
import { useChange } from '../../api/use-endpoint.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { orLeftOut, useContractForm } from '../../ui/forms/use-contract-form.ts';
import { MadeLink } from './made-link.tsx';
import { RoleField } from './role-field.tsx';

export function InviteDialog({ onClose }: { onClose: () => void }) {
  const form = useContractForm({ email: '', name: '', phone: '', role: 'user' as Role });
  const invite = useChange(userInvite, ['/users']);
  const [made, setMade] = useState<ResultOf<typeof userInvite> | null>(null);
  if (made) {
    return (
      <Modal
        opened
        onClose={onClose}
        title={`${made.user.name ?? made.user.email} is invited`}
        closeOnClickOutside={false}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        <MadeLink label="Invitation link" does="opens one account" link={made.invitation} onDone={onClose} />
      </Modal>
    );
  }
  return (
    <Modal opened onClose={onClose} title="Invite a person" closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          const { email, name, phone, role } = form.values;
          const body = { email: email.trim(), name: orLeftOut(name), phone: orLeftOut(phone), role };
          void form.submit(userInvite.body, body, async (sound) => setMade(await invite.mutateAsync({ body: sound })));
        }}
      >
        <Stack gap="sm">
          <TextInput data-autofocus label="Email address" type="email" autoComplete="off" {...form.text('email')} />
          <TextInput label="Name" description="May stay empty" autoComplete="off" {...form.text('name')} />
          <TextInput
            label="Phone"
            description="May stay empty; with the country, as +15551234567"
            {...form.text('phone')}
          />
          <RoleField value={form.values.role} error={form.errors.role} onChange={(role) => form.set('role', role)} />
          <FormProblem problem={form.problem} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={invite.isPending}>
              Invite
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
