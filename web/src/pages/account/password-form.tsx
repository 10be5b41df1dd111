import { Button, Group, PasswordInput, Stack } from '@mantine/core';
import { passwordChange } from '@valtronics/contract';
import { useChange } from '../../api/use-endpoint.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { useContractForm } from '../../ui/forms/use-contract-form.ts';
import { sayDone } from '../../ui/toasts.tsx';

const shortestPassword = 15;
const blank = { currentPassword: '', newPassword: '', again: '' };

export function PasswordForm({ email }: { email: string }) {
  const form = useContractForm(blank);
  const change = useChange(passwordChange, ['/auth/sessions']);
  const submit = () => {
    const { currentPassword, newPassword, again } = form.values;
    if (currentPassword === '') return form.fail({ currentPassword: 'Type the password you have now' });
    if (newPassword.length < shortestPassword)
      return form.fail({ newPassword: `Needs at least ${shortestPassword} characters` });
    if (newPassword !== again) return form.fail({ again: 'Is not the same' });
    void form.submit(passwordChange.body, { currentPassword, newPassword }, async (body) => {
      await change.mutateAsync({ body });
      form.setValues(blank);
      sayDone('Password changed', 'Your other sessions have ended.');
    });
  };
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <Stack gap="sm">
        <input type="hidden" name="username" autoComplete="username" value={email} readOnly />
        <PasswordInput label="Current password" autoComplete="current-password" {...form.text('currentPassword')} />
        <PasswordInput
          label="New password"
          description={`At least ${shortestPassword} characters; a few unrelated words are good`}
          autoComplete="new-password"
          {...form.text('newPassword')}
        />
        <PasswordInput label="New password again" autoComplete="new-password" {...form.text('again')} />
        <FormProblem problem={form.problem} />
        <Group justify="flex-end">
          <Button type="submit" loading={change.isPending}>
            Change password
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
