import { Button, Group, PasswordInput, Stack } from '@mantine/core';
import { factorsGet, passwordChange } from '@valtronics/contract';
import { useMe } from '../api/session.ts';
import { useChange, useEndpoint } from '../api/use-endpoint.ts';
import { FormProblem } from '../ui/forms/form-problem.tsx';
import { NewPasswordFields, newPasswordFaults } from '../ui/forms/new-password.tsx';
import { useContractForm } from '../ui/forms/use-contract-form.ts';
import { sayDone } from '../ui/toasts.tsx';

const blank = { currentPassword: '', newPassword: '', again: '' };

export function PasswordForm({ onChanged }: { onChanged?: () => unknown }) {
  const { email } = useMe();
  const form = useContractForm(blank);
  const change = useChange(passwordChange, ['/auth/sessions']);
  const { data: factors } = useEndpoint(factorsGet, {});
  const hasFactor = factors && factors.items.length > 0;
  const submit = () => {
    const { currentPassword, newPassword } = form.values;
    if (currentPassword === '') return form.fail({ currentPassword: 'Type the password you have now' });
    const faults = newPasswordFaults(form.values, hasFactor);
    if (Object.keys(faults).length > 0) return form.fail(faults);
    void form.submit(passwordChange.body, { currentPassword, newPassword }, async (body) => {
      await change.mutateAsync({ body });
      form.setValues(blank);
      sayDone('Password changed', 'Your other sessions have ended.');
      await onChanged?.();
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
        <NewPasswordFields hasFactor={hasFactor} values={form.values} errors={form.errors} onChange={form.set} />
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
