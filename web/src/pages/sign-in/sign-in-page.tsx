import { Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import { credentials, type SecondStep, sessionCreate } from '@valtronics/contract';
import { useState } from 'react';
import { useNavigate, useSearchParams } from 'react-router';
import { call } from '../../api/call.ts';
import { asProblem } from '../../api/problem-error.ts';
import { useSetMe } from '../../api/session.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { useContractForm } from '../../ui/forms/use-contract-form.ts';
import { nextPage } from './next-page.ts';
import { PublicFrame } from './public-frame.tsx';
import { SecondStepForm } from './second-step-form.tsx';

export function SignInPage() {
  const form = useContractForm({ email: '', password: '' });
  const [busy, setBusy] = useState(false);
  const [secondStep, setSecondStep] = useState<SecondStep | null>(null);
  const [search] = useSearchParams();
  const navigate = useNavigate();
  const setMe = useSetMe();

  const send = async (body: typeof form.values) => {
    try {
      const answer = await call(sessionCreate, { body });
      if ('mfa' in answer) return setSecondStep(answer.mfa);
      setMe(answer);
    } catch (error) {
      const problem = asProblem(error);
      if (problem.code !== 'invalid_credentials') throw problem;
      return form.fail({ password: problem.title });
    }
    await navigate(nextPage(search), { replace: true });
  };
  const submit = async () => {
    setBusy(true);
    await form.submit(credentials, { ...form.values, email: form.values.email.trim() }, send);
    setBusy(false);
  };
  if (secondStep) return <SecondStepForm step={secondStep} onCancel={() => setSecondStep(null)} />;
  return (
    <PublicFrame title="Sign in">
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
          <PasswordInput label="Password" autoComplete="current-password" {...form.text('password')} />
          <Button type="submit" size="sm" mt={4} loading={busy}>
            Sign in
          </Button>
        </Stack>
      </form>
    </PublicFrame>
  );
}
