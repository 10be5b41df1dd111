import { Button, Skeleton, Stack, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { invitationAccept, invitationInspect } from '@valtronics/contract';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { call, type ResultOf } from '../../api/call.ts';
import type { ProblemError } from '../../api/problem-error.ts';
import { useSetMe } from '../../api/session.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { NewPasswordFields, newPasswordFaults } from '../../ui/forms/new-password.tsx';
import { orLeftOut, useContractForm } from '../../ui/forms/use-contract-form.ts';
import { paths } from '../../ui/paths.ts';
import { PublicFrame } from '../../ui/public-frame.tsx';
import { exactTime } from '../../ui/time/format-time.ts';
import { FailedLink, IncompleteLink, useLinkToken } from './link-token.tsx';

const over = {
  title: 'This invitation is no longer valid',
  detail: 'It was used, replaced or has expired. Ask for a new one.',
};

export function AcceptInvitationPage() {
  const token = useLinkToken();
  const { data, error, isPending, refetch } = useQuery<ResultOf<typeof invitationInspect>, ProblemError>({
    queryKey: ['invitation', token],
    queryFn: () => call(invitationInspect, { body: { token: token ?? '' } }),
    enabled: token !== undefined,
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (token === undefined) return <IncompleteLink />;
  if (error) return <FailedLink problem={error} over={over} onRetry={() => void refetch()} />;
  if (isPending) {
    return (
      <PublicFrame title="Welcome">
        <Skeleton height={160} />
      </PublicFrame>
    );
  }
  return <Accept token={token} invitation={data} />;
}

function Accept({ token, invitation }: { token: string; invitation: ResultOf<typeof invitationInspect> }) {
  // `newPassword` is the field; the server calls it `password`.
  const form = useContractForm({ email: invitation.email ?? '', name: '', newPassword: '', again: '' });
  const [busy, setBusy] = useState(false);
  const setMe = useSetMe();
  const navigate = useNavigate();
  const { email, name, newPassword: password } = form.values;
  const { password: complaint = form.errors.newPassword, ...errors } = form.errors;

  const submit = async () => {
    const faults = newPasswordFaults(form.values, false);
    if (Object.keys(faults).length > 0) return form.fail(faults);
    setBusy(true);
    const body = {
      token,
      password,
      name: orLeftOut(name),
      ...(invitation.email === null ? { email: email.trim() } : {}),
    };
    await form.submit(invitationAccept.body, body, async (value) => {
      setMe(await call(invitationAccept, { body: value }));
      await navigate(paths.overview, { replace: true });
    });
    setBusy(false);
  };
  return (
    <PublicFrame
      title={`Join ${invitation.organisation}`}
      detail={
        <>
          You will be <b>{invitation.role}</b>. The link is good once, until{' '}
          {exactTime(invitation.expiresAt, { milliseconds: false })}.
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
          <TextInput
            label="Email address"
            type="email"
            autoComplete="username"
            readOnly={invitation.email !== null}
            {...form.text('email')}
          />
          <TextInput
            label="Name"
            description="How others see you; may stay empty"
            autoComplete="name"
            {...form.text('name')}
          />
          <NewPasswordFields
            label="Password"
            hasFactor={false}
            values={form.values}
            errors={complaint === undefined ? errors : { ...errors, newPassword: complaint }}
            onChange={form.set}
          />
          <Button type="submit" size="sm" mt={4} loading={busy}>
            Create the account
          </Button>
        </Stack>
      </form>
    </PublicFrame>
  );
}
