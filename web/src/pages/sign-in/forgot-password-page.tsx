import { Button, Stack, TextInput } from '@mantine/core';
import { passwordForgot } from '@valtronics/contract';
import { useState } from 'react';
import { Link } from 'react-router';
import { call } from '../../api/call.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { useContractForm } from '../../ui/forms/use-contract-form.ts';
import { paths } from '../../ui/paths.ts';
import { PublicFrame } from '../../ui/public-frame.tsx';

export function ForgotPasswordPage() {
  const form = useContractForm({ email: '' });
  const [busy, setBusy] = useState(false);
  const [askedFor, setAskedFor] = useState<string | null>(null);
  const back = (
    <Button component={Link} to={paths.signIn} variant="default" size="sm">
      Back to the sign-in
    </Button>
  );
  if (askedFor) {
    // The same words for every address: the page must not tell who has an account (ASVS 6.3.8).
    return (
      <PublicFrame
        title="Look into your mailbox"
        detail={
          <>
            If <b>{askedFor}</b> has an account, a link to choose a new password is on its way. It is good once, for an
            hour. Nothing arrives? An administrator can give you a link.
          </>
        }
      >
        <Stack gap="sm">{back}</Stack>
      </PublicFrame>
    );
  }
  const submit = async () => {
    setBusy(true);
    await form.submit(passwordForgot.body, { email: form.values.email.trim() }, async (body) => {
      await call(passwordForgot, { body });
      setAskedFor(body.email);
    });
    setBusy(false);
  };
  return (
    <PublicFrame title="Forgot password?" detail="A link to choose a new one is mailed to you.">
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <Stack gap="sm">
          <FormProblem problem={form.problem} />
          <TextInput label="Email address" type="email" autoComplete="username" autoFocus {...form.text('email')} />
          <Button type="submit" size="sm" mt={4} loading={busy}>
            Mail the link
          </Button>
          {back}
        </Stack>
      </form>
    </PublicFrame>
  );
}
