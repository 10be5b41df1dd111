import { Button, PasswordInput, Skeleton, Stack, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { invitationAccept, invitationInspect } from '@valtronics/contract';
import { useState } from 'react';
import { Link, useLocation, useNavigate } from 'react-router';
import { call, type ResultOf } from '../../api/call.ts';
import { asProblem, type ProblemError } from '../../api/problem-error.ts';
import { useSetMe } from '../../api/session.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { orLeftOut, useContractForm } from '../../ui/forms/use-contract-form.ts';
import { paths } from '../../ui/paths.ts';
import { exactTime } from '../../ui/time/format-time.ts';
import { PublicFrame } from './public-frame.tsx';

const shortestPassword = 15;

/** The token stands behind `#`, so that it reaches neither the server's log nor another site. */
export function AcceptInvitationPage() {
  const { hash } = useLocation();
  const token = new URLSearchParams(hash.slice(1)).get('token') ?? '';
  const { data, error, isPending, refetch } = useQuery<ResultOf<typeof invitationInspect>, ProblemError>({
    queryKey: ['invitation', token],
    queryFn: () => call(invitationInspect, { body: { token } }),
    enabled: token.length >= 20,
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (token.length < 20) {
    return (
      <PublicFrame
        title="This link is not complete"
        detail="Open it again from where you got it, up to its last letter."
      >
        <Button component={Link} to={paths.signIn} variant="default">
          Go to the sign-in
        </Button>
      </PublicFrame>
    );
  }
  if (error) {
    const over = error.code === 'gone' || error.code === 'not_found';
    return (
      <PublicFrame
        title={over ? 'This invitation is no longer valid' : error.title}
        detail={over ? 'It was used, replaced or has expired. Ask for a new one.' : error.detail}
      >
        {over ? (
          <Button component={Link} to={paths.signIn} variant="default">
            Go to the sign-in
          </Button>
        ) : (
          <Button variant="default" onClick={() => void refetch()}>
            Try again
          </Button>
        )}
      </PublicFrame>
    );
  }
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
  const form = useContractForm({ email: invitation.email ?? '', name: '', password: '', again: '' });
  const [busy, setBusy] = useState(false);
  const setMe = useSetMe();
  const navigate = useNavigate();
  const { email, name, password, again } = form.values;

  const submit = async () => {
    if (password.length < shortestPassword) {
      return form.fail({ password: `Needs at least ${shortestPassword} characters` });
    }
    if (password !== again) return form.fail({ again: 'Is not the same' });
    setBusy(true);
    const body = {
      token,
      password,
      name: orLeftOut(name),
      ...(invitation.email === null ? { email: email.trim() } : {}),
    };
    await form.submit(invitationAccept.body, body, async (value) => {
      try {
        setMe(await call(invitationAccept, { body: value }));
      } catch (error) {
        throw asProblem(error);
      }
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
          <PasswordInput
            label="Password"
            description={`At least ${shortestPassword} characters. A few unrelated words are easy to keep in mind; no digits or symbols are asked for.`}
            autoComplete="new-password"
            {...form.text('password')}
          />
          <PasswordInput label="Password again" autoComplete="new-password" {...form.text('again')} />
          <Button type="submit" size="sm" mt={4} loading={busy}>
            Create the account
          </Button>
        </Stack>
      </form>
    </PublicFrame>
  );
}
