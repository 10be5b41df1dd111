import { Button, Group, Skeleton, Stack, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { totpAdd, totpBegin } from '@valtronics/contract';
import { call, type ResultOf } from '../api/call.ts';
import { asProblem, type ProblemError } from '../api/problem-error.ts';
import { useChange } from '../api/use-endpoint.ts';
import { FormProblem } from '../ui/forms/form-problem.tsx';
import { useContractForm } from '../ui/forms/use-contract-form.ts';
import { CopyBlock } from '../ui/secret-once.tsx';
import { timeOfDay } from '../ui/time/format-time.ts';
import { CodeField } from './code-field.tsx';
import { EndOthersField } from './end-others-field.tsx';
import { QrCode } from './qr-code.tsx';

export interface SetupProps {
  /** With the first factor come recovery codes, to be shown once. */
  onAdded: (recoveryCodes: readonly string[] | null) => unknown;
  onCancel: () => void;
  cancelLabel: string;
  /** Whether the other sessions may go on; without the choice they end. */
  asksAboutSessions: boolean;
}

/** An authenticator app: scan, then show that it works. */
export function AuthenticatorSetup(props: SetupProps) {
  const begun = useQuery<ResultOf<typeof totpBegin>, ProblemError>({
    queryKey: [totpBegin.path],
    queryFn: () => call(totpBegin, { body: {} }),
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  if (begun.error) {
    return (
      <Stack gap="sm">
        <FormProblem problem={begun.error} />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={props.onCancel}>
            {props.cancelLabel}
          </Button>
          <Button onClick={() => void begun.refetch()}>Try again</Button>
        </Group>
      </Stack>
    );
  }
  if (!begun.data || begun.isFetching) return <Skeleton height={360} />;
  return <Confirm key={begun.data.challengeId} {...props} begun={begun.data} onAgain={() => void begun.refetch()} />;
}

interface ConfirmProps extends SetupProps {
  begun: ResultOf<typeof totpBegin>;
  onAgain: () => void;
}

function Confirm({ begun, onAdded, onCancel, cancelLabel, asksAboutSessions, onAgain }: ConfirmProps) {
  const form = useContractForm({ code: '', label: 'Authenticator app', endOtherSessions: true });
  const add = useChange(totpAdd, ['/auth/factors', '/auth/sessions']);
  const isOver = form.problem?.title !== undefined && asProblem(add.error).code === 'gone';
  const send = (code: string) => {
    const { label, endOtherSessions } = form.values;
    const body = { challengeId: begun.challengeId, code, label: label.trim(), endOtherSessions };
    void form.submit(totpAdd.body, body, async (sound) => {
      const { recoveryCodes } = await add.mutateAsync({ body: sound });
      await onAdded(recoveryCodes);
    });
  };
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        send(form.values.code);
      }}
    >
      <Stack gap="sm">
        <Text size="sm">Scan this with the app, or type the key into it. Then enter the code it shows.</Text>
        <QrCode text={begun.uri} label="QR code for the authenticator app; the key below is the same" />
        <CopyBlock label="Key" text={begun.secret} />
        <TextInput
          label="Name"
          description="Which one it is, for the day you have several"
          autoComplete="off"
          {...form.text('label')}
        />
        <CodeField
          label="Code"
          description={`Six digits; good until ${timeOfDay(begun.expiresAt)}`}
          value={form.values.code}
          error={form.errors.code}
          disabled={add.isPending}
          autoFocus
          onChange={(code) => form.set('code', code)}
          onComplete={send}
        />
        {asksAboutSessions ? <EndOthersField {...form.field('endOtherSessions')} /> : null}
        <FormProblem problem={form.problem} />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onCancel}>
            {cancelLabel}
          </Button>
          {isOver ? (
            <Button onClick={onAgain}>Begin again</Button>
          ) : (
            <Button type="submit" loading={add.isPending}>
              Add
            </Button>
          )}
        </Group>
      </Stack>
    </form>
  );
}
