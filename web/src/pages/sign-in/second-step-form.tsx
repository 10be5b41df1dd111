import { Button, Stack, TextInput } from '@mantine/core';
import { type SecondStep, sessionVerify } from '@valtronics/contract';
import { useState } from 'react';
import { useNavigate, useSearchParams } from 'react-router';
import { call } from '../../api/call.ts';
import { useSetMe } from '../../api/session.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { useContractForm } from '../../ui/forms/use-contract-form.ts';
import { nextPage } from './next-page.ts';
import { PublicFrame } from './public-frame.tsx';

/** What the account asks for besides the password. */
export function SecondStepForm({ step, onCancel }: { step: SecondStep; onCancel: () => void }) {
  const form = useContractForm({ code: '' });
  const [busy, setBusy] = useState(false);
  const [search] = useSearchParams();
  const navigate = useNavigate();
  const setMe = useSetMe();
  const submit = async () => {
    const code = form.values.code.trim();
    const method = /^\d{6}$/.test(code) ? 'totp' : 'recovery_code';
    setBusy(true);
    await form.submit(sessionVerify.body, { challengeId: step.challengeId, method, code }, async (body) => {
      setMe(await call(sessionVerify, { body }));
      await navigate(nextPage(search), { replace: true });
    });
    setBusy(false);
  };
  return (
    <PublicFrame title="Confirm that it is you">
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <Stack gap="sm">
          <FormProblem problem={form.problem} />
          <TextInput label="Code" autoComplete="one-time-code" autoFocus {...form.text('code')} />
          <Button type="submit" size="sm" mt={4} loading={busy}>
            Continue
          </Button>
          <Button variant="subtle" size="xs" onClick={onCancel}>
            Back
          </Button>
        </Stack>
      </form>
    </PublicFrame>
  );
}
