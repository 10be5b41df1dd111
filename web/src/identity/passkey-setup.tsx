import { Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { passkeyAdd, passkeyBegin } from '@valtronics/contract';
import { useState } from 'react';
import { call } from '../api/call.ts';
import { useChange } from '../api/use-endpoint.ts';
import { FormProblem } from '../ui/forms/form-problem.tsx';
import { useContractForm } from '../ui/forms/use-contract-form.ts';
import type { SetupProps } from './authenticator-setup.tsx';
import { EndOthersField } from './end-others-field.tsx';
import { makePasskey } from './passkeys.ts';

/** A passkey of this device, a telephone or a security key. */
export function PasskeySetup({ onAdded, onCancel, cancelLabel, asksAboutSessions }: SetupProps) {
  const form = useContractForm({ label: 'Passkey', endOtherSessions: true });
  const add = useChange(passkeyAdd, ['/auth/factors', '/auth/sessions']);
  const [busy, setBusy] = useState(false);
  const submit = async () => {
    const { label, endOtherSessions } = form.values;
    setBusy(true);
    const answer = { label: label.trim(), endOtherSessions };
    await form.submit(passkeyAdd.body.pick({ label: true, endOtherSessions: true }), answer, async (sound) => {
      const { challengeId, options } = await call(passkeyBegin, { body: {} });
      const attestation = await makePasskey(options);
      const { recoveryCodes } = await add.mutateAsync({ body: { ...sound, challengeId, attestation } });
      await onAdded(recoveryCodes);
    });
    setBusy(false);
  };
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <Stack gap="sm">
        <Text size="sm">
          Your browser asks where to keep it: this device, a telephone or a security key. It signs in here and nowhere
          else.
        </Text>
        <TextInput
          data-autofocus
          label="Name"
          description="Which one it is, for the day you have several"
          autoComplete="off"
          {...form.text('label')}
        />
        {asksAboutSessions ? <EndOthersField {...form.field('endOtherSessions')} /> : null}
        <FormProblem problem={form.problem} />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onCancel}>
            {cancelLabel}
          </Button>
          <Button type="submit" loading={busy}>
            Make the passkey
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
