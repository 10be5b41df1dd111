import { Button, Skeleton, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { passwordReset, passwordResetInspect } from '@valtronics/contract';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { call, type ResultOf } from '../../api/call.ts';
import type { ProblemError } from '../../api/problem-error.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { NewPasswordFields, newPasswordFaults } from '../../ui/forms/new-password.tsx';
import { useContractForm } from '../../ui/forms/use-contract-form.ts';
import { paths } from '../../ui/paths.ts';
import { PublicFrame } from '../../ui/public-frame.tsx';
import { exactTime } from '../../ui/time/format-time.ts';
import { FailedLink, IncompleteLink, useLinkToken } from './link-token.tsx';
import type { SignInNotice } from './sign-in-page.tsx';

const over = {
  title: 'This link is no longer valid',
  detail: 'It was used, replaced by a newer one or has expired. Ask for another one at the sign-in.',
};

export function ResetPasswordPage() {
  const token = useLinkToken();
  const { data, error, isPending, refetch } = useQuery<ResultOf<typeof passwordResetInspect>, ProblemError>({
    queryKey: ['password reset', token],
    queryFn: () => call(passwordResetInspect, { body: { token: token ?? '' } }),
    enabled: token !== undefined,
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  if (token === undefined) return <IncompleteLink />;
  if (error) return <FailedLink problem={error} over={over} onRetry={() => void refetch()} />;
  if (isPending) {
    return (
      <PublicFrame title="Choose a new password">
        <Skeleton height={160} />
      </PublicFrame>
    );
  }
  return <Choose token={token} {...data} />;
}

function Choose({ token, email, expiresAt }: { token: string; email: string; expiresAt: string }) {
  const form = useContractForm({ newPassword: '', again: '' });
  const [busy, setBusy] = useState(false);
  const navigate = useNavigate();
  const submit = async () => {
    const faults = newPasswordFaults(form.values, undefined);
    if (Object.keys(faults).length > 0) return form.fail(faults);
    setBusy(true);
    await form.submit(passwordReset.body, { token, newPassword: form.values.newPassword }, async (body) => {
      await call(passwordReset, { body });
      const state: SignInNotice = {
        title: 'Password changed',
        detail: 'Sign in with it. Your second factor, if you have one, stays as it was.',
      };
      await navigate(paths.signIn, { replace: true, state });
    });
    setBusy(false);
  };
  return (
    <PublicFrame
      title="Choose a new password"
      detail={
        <>
          For <b>{email}</b>. The link is good once, until {exactTime(expiresAt, { milliseconds: false })}. All your
          sessions end.
        </>
      }
    >
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <Stack gap="sm">
          <FormProblem problem={form.problem} />
          <input type="hidden" name="username" autoComplete="username" value={email} readOnly />
          <NewPasswordFields hasFactor={undefined} values={form.values} errors={form.errors} onChange={form.set} />
          <Button type="submit" size="sm" mt={4} loading={busy}>
            Change password
          </Button>
        </Stack>
      </form>
    </PublicFrame>
  );
}
