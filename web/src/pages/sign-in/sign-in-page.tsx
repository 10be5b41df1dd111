import { Alert, Anchor, Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import { IconFingerprint } from '@tabler/icons-react';
import {
  credentials,
  type Me,
  passkeySignIn,
  type SecondStep,
  type SignInProblem,
  sessionCreate,
  sessionVerify,
  signInProblems,
} from '@valtronics/contract';
import { lazy, Suspense, useEffect, useState } from 'react';
import { Link, useLocation, useNavigate, useSearchParams } from 'react-router';
import { call } from '../../api/call.ts';
import { asProblem, type ProblemError } from '../../api/problem-error.ts';
import { useForgetEverything, useSetMe } from '../../api/session.ts';
import { askForPasskey, passkeysWork } from '../../identity/passkeys.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { useContractForm } from '../../ui/forms/use-contract-form.ts';
import { paths } from '../../ui/paths.ts';
import { PublicFrame } from '../../ui/public-frame.tsx';
import { oneOf } from '../../ui/use-search-state.ts';
import { nextPage } from './next-page.ts';
import { ProviderButtons } from './provider-buttons.tsx';

const SecondStepForm = lazy(async () => ({ default: (await import('./second-step-form.tsx')).SecondStepForm }));

/** What another page has to say here, as after a password was replaced. */
export interface SignInNotice {
  readonly title: string;
  readonly detail: string;
}

const problems = Object.keys(signInProblems) as SignInProblem[];

export function SignInPage() {
  const [secondStep, setSecondStep] = useState<SecondStep | null>(null);
  const [search] = useSearchParams();
  const navigate = useNavigate();
  const setMe = useSetMe();
  const forgetEverything = useForgetEverything();
  // However the last session ended, its answers end with it.
  useEffect(forgetEverything, [forgetEverything]);
  const signedIn = async (me: Me) => {
    setMe(me);
    await navigate(nextPage(search), { replace: true });
  };
  if (secondStep) {
    return (
      <Suspense fallback={null}>
        <SecondStepForm step={secondStep} onSignedIn={signedIn} onCancel={() => setSecondStep(null)} />
      </Suspense>
    );
  }
  return (
    <PublicFrame title="Sign in" growsDown>
      <FirstStep
        problem={oneOf(problems, search.get('problem'))}
        next={nextPage(search)}
        onSecondStep={setSecondStep}
        onSignedIn={signedIn}
      />
    </PublicFrame>
  );
}

interface FirstStepProps {
  /** Why a sign-in with a provider came to nothing. */
  problem: SignInProblem | undefined;
  next: string;
  onSecondStep: (step: SecondStep) => void;
  onSignedIn: (me: Me) => Promise<void>;
}

function FirstStep({ problem: returned, next, onSecondStep, onSignedIn }: FirstStepProps) {
  const form = useContractForm({ email: '', password: '' });
  const [busy, setBusy] = useState<'password' | 'passkey' | null>(null);
  const [refusal, setRefusal] = useState<ProblemError | null>(null);
  const notice = useLocation().state as SignInNotice | null;

  const send = async (body: typeof form.values) => {
    try {
      const answer = await call(sessionCreate, { body });
      if ('mfa' in answer) return onSecondStep(answer.mfa);
      await onSignedIn(answer);
    } catch (error) {
      const problem = asProblem(error);
      if (problem.code === 'invalid_credentials') return form.fail({ password: problem.title });
      setRefusal(problem);
    }
  };
  const submit = async () => {
    setBusy('password');
    setRefusal(null);
    await form.submit(credentials, { ...form.values, email: form.values.email.trim() }, send);
    setBusy(null);
  };
  const byPasskey = async () => {
    setBusy('passkey');
    setRefusal(null);
    try {
      const { challengeId, passkey } = await call(passkeySignIn, { body: {} });
      const assertion = await askForPasskey(passkey);
      await onSignedIn(await call(sessionVerify, { body: { challengeId, method: 'passkey', assertion } }));
    } catch (error) {
      setRefusal(asProblem(error));
    }
    setBusy(null);
  };
  return (
    <Stack gap="sm">
      {notice && !refusal ? (
        <Alert color="teal" variant="light" role="status" title={notice.title}>
          {notice.detail}
        </Alert>
      ) : null}
      <FormProblem
        problem={refusal ?? (returned ? { title: 'Not signed in', detail: signInProblems[returned] } : null)}
      />
      {(refusal?.code as string | undefined) === 'recovery_needed' ? (
        <Button component={Link} to={paths.forgotPassword} variant="default" size="sm">
          Choose a new password
        </Button>
      ) : null}
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <Stack gap="sm">
          <TextInput label="Email address" type="email" autoComplete="username" autoFocus {...form.text('email')} />
          <PasswordInput label="Password" autoComplete="current-password" {...form.text('password')} />
          <Button type="submit" size="sm" mt={4} loading={busy === 'password'} disabled={busy === 'passkey'}>
            Sign in
          </Button>
        </Stack>
      </form>
      {passkeysWork() ? (
        <Button
          variant="default"
          size="sm"
          leftSection={<IconFingerprint size={16} />}
          loading={busy === 'passkey'}
          disabled={busy === 'password'}
          onClick={() => void byPasskey()}
        >
          Sign in with a passkey
        </Button>
      ) : null}
      <Anchor component={Link} to={paths.forgotPassword} size="sm" ta="center">
        Forgot password?
      </Anchor>
      <ProviderButtons next={next} />
    </Stack>
  );
}
