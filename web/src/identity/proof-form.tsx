import { Button, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import type { FactorMethod, PasskeyRequest, stepUp } from '@valtronics/contract';
import { useEffect, useEffectEvent, useRef, useState } from 'react';
import type { z } from 'zod';
import { asProblem, type ProblemError } from '../api/problem-error.ts';
import { FormProblem } from '../ui/forms/form-problem.tsx';
import { relativeTime, timeOfDay } from '../ui/time/format-time.ts';
import { useTimeText } from '../ui/time/use-now.ts';
import { CodeField } from './code-field.tsx';
import { askForPasskey, passkeysWork, withoutPasskeys } from './passkeys.ts';

type Method = FactorMethod | 'password';

/** What the server asks; the same for a sign-in and for a fresh proof. */
export interface ProofQuestion {
  readonly challengeId: string;
  readonly methods: readonly Method[];
  readonly passkey: PasskeyRequest | null;
  readonly expiresAt: string;
}
export type ProofAnswer = z.input<typeof stepUp.body>;

/** What is safest and quickest first. */
const byPreference: readonly Method[] = ['passkey', 'totp', 'recovery_code', 'password'];
const switchWords: Readonly<Record<Method, string>> = {
  passkey: 'Use a passkey',
  totp: 'Use the authenticator app',
  recovery_code: 'Use a recovery code',
  password: 'Use the password',
};
const wrongWords: Readonly<Record<Exclude<Method, 'passkey'>, string>> = {
  totp: 'Not the code of now, or it was used: wait for the next one',
  recovery_code: 'No such code is left',
  password: 'Not your password',
};

interface Props {
  question: ProofQuestion;
  /** Sends the answer; what it throws is shown here. */
  onAnswer: (answer: ProofAnswer) => Promise<unknown>;
  /** The question is no longer good. */
  onAgain: () => void;
  againLabel?: string;
}

/** One factor out of those the person has. */
export function ProofForm({ question, onAnswer, onAgain, againLabel = 'Begin again' }: Props) {
  const { challengeId, passkey, expiresAt } = question;
  const usable = byPreference.filter(
    (method) => question.methods.includes(method) && (method !== 'passkey' || passkeysWork()),
  );
  const [method, setMethod] = useState<Method | undefined>(usable[0]);
  const [text, setText] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ProblemError | null>(null);
  const left = useTimeText((now) => (new Date(expiresAt).getTime() > now ? relativeTime(expiresAt, now) : ''));

  const answer = async (make: () => ProofAnswer | Promise<ProofAnswer>) => {
    setBusy(true);
    setProblem(null);
    try {
      await onAnswer(await make());
    } catch (error) {
      setProblem(asProblem(error));
      setText('');
    } finally {
      setBusy(false);
    }
  };
  const byPasskey = async () => {
    if (!passkey) return;
    await answer(async () => ({ challengeId, method: 'passkey', assertion: await askForPasskey(passkey) }));
  };
  const byText = (given: string) => {
    const value = given.trim();
    if (method === 'totp' || method === 'recovery_code') void answer(() => ({ challengeId, method, code: value }));
    if (method === 'password') void answer(() => ({ challengeId, method, password: given }));
  };
  const tried = useRef(false);
  const tryPasskey = useEffectEvent(() => {
    if (tried.current) return;
    tried.current = true;
    void byPasskey();
  });
  useEffect(() => {
    if (method === 'passkey') tryPasskey();
  }, [method]);

  if (problem?.code === 'gone' || left === '') {
    return (
      <Stack gap="sm">
        <Text size="sm" role="alert">
          This took too long or was finished elsewhere.
        </Text>
        <Button size="sm" onClick={onAgain}>
          {againLabel}
        </Button>
      </Stack>
    );
  }
  if (!method) {
    return (
      <Text size="sm" role="alert">
        {withoutPasskeys}, and your account has nothing else to prove. Use a browser or device that has your passkey, or
        ask an administrator to reset your second factors.
      </Text>
    );
  }
  const wrong = problem?.code === 'invalid_factor' && method !== 'passkey' ? wrongWords[method] : undefined;
  const malformed = problem?.errors[0]?.message;
  const error = wrong ?? malformed;
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (method === 'passkey') void byPasskey();
        else byText(text);
      }}
    >
      <Stack gap="sm">
        <FormProblem problem={error ? null : problem} />
        {method === 'totp' ? (
          <CodeField
            key="totp"
            label="Code"
            description="Six digits from your authenticator app"
            value={text}
            error={error}
            disabled={busy}
            autoFocus
            onChange={setText}
            onComplete={byText}
          />
        ) : null}
        {method === 'recovery_code' ? (
          <TextInput
            key="recovery"
            label="Recovery code"
            description="Five groups of five; each is good once"
            className="mono"
            autoComplete="off"
            spellCheck={false}
            autoFocus
            value={text}
            error={error}
            onChange={(event) => setText(event.currentTarget.value)}
          />
        ) : null}
        {method === 'password' ? (
          <PasswordInput
            label="Password"
            autoComplete="current-password"
            autoFocus
            value={text}
            error={error}
            onChange={(event) => setText(event.currentTarget.value)}
          />
        ) : null}
        {method === 'passkey' ? (
          <Text size="sm" c="dimmed">
            Your browser asks for the passkey of this account.
          </Text>
        ) : null}
        <Button type="submit" size="sm" mt={4} loading={busy} disabled={method !== 'passkey' && text.trim() === ''}>
          {method === 'passkey' ? 'Use the passkey' : 'Continue'}
        </Button>
        {usable
          .filter((each) => each !== method)
          .map((each) => (
            <Button
              key={each}
              variant="subtle"
              onClick={() => {
                setMethod(each);
                setText('');
                setProblem(null);
              }}
            >
              {switchWords[each]}
            </Button>
          ))}
        {question.methods.includes('passkey') && !passkeysWork() ? (
          <Text size="xs" c="dimmed">
            {withoutPasskeys}.
          </Text>
        ) : null}
        <Text size="xs" c="dimmed" ta="center">
          Good until {timeOfDay(expiresAt)}
        </Text>
      </Stack>
    </form>
  );
}
