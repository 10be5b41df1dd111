import { Button, Group, NumberInput, Skeleton, Stack, TextInput } from '@mantine/core';
import { type Settings, settingsChange, settingsGet } from '@valtronics/contract';
import { useState } from 'react';
import { useRefusal } from '../../api/session.ts';
import { useChange, useEndpoint } from '../../api/use-endpoint.ts';
import { Copyable } from '../../ui/copyable.tsx';
import { ConfirmDialog } from '../../ui/forms/confirm-dialog.tsx';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { schemaErrors, useContractForm } from '../../ui/forms/use-contract-form.ts';
import { GuardedButton } from '../../ui/guarded.tsx';
import { PageHeader, Panel } from '../../ui/page.tsx';
import { ErrorState } from '../../ui/states/states.tsx';
import { sayDone } from '../../ui/toasts.tsx';
import { PersonalDataChoice } from './personal-data-choice.tsx';

export function SettingsPage() {
  const { data, error, refetch } = useEndpoint(settingsGet, {});
  return (
    <>
      <PageHeader title="Settings" detail="Of the whole organisation" />
      {error && !data ? <ErrorState problem={error} onRetry={() => void refetch()} /> : null}
      {!data && !error ? <Skeleton height={240} maw={560} /> : null}
      {data ? <SettingsForm key={JSON.stringify(data)} settings={data} /> : null}
    </>
  );
}

function SettingsForm({ settings }: { settings: Settings }) {
  const form = useContractForm({
    name: settings.name,
    retentionDays: settings.retentionDays as number | string,
    personalDataPolicy: settings.personalDataPolicy,
  });
  const change = useChange(settingsChange, ['/settings', '/auth/me']);
  const refusal = useRefusal(settingsChange);
  const [confirming, setConfirming] = useState(false);
  const { name, retentionDays, personalDataPolicy } = form.values;
  const body = {
    ...(name.trim() !== settings.name ? { name } : {}),
    ...(retentionDays !== settings.retentionDays ? { retentionDays: retentionDays as number } : {}),
    ...(personalDataPolicy !== settings.personalDataPolicy ? { personalDataPolicy } : {}),
  };
  const isSame = Object.keys(body).length === 0;
  const shortens = typeof retentionDays === 'number' && retentionDays < settings.retentionDays;
  const save = () =>
    form.submit(settingsChange.body, body, async (sound) => {
      await change.mutateAsync({ body: sound });
      sayDone('Settings saved');
    });
  return (
    <div style={{ maxWidth: 560 }}>
      <Panel>
        <form
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            const found = schemaErrors(settingsChange.body, body);
            if (shortens && Object.keys(found).length === 0) setConfirming(true);
            else void save();
          }}
        >
          <Stack gap="md">
            <TextInput label="Name" maxLength={120} readOnly={refusal !== undefined} {...form.text('name')} />
            <NumberInput
              label="Keep telemetry for"
              description="1 to 3,650 days; what is older is removed and cannot be brought back"
              suffix=" days"
              min={1}
              max={3650}
              clampBehavior="none"
              allowDecimal={false}
              w={200}
              {...form.field('retentionDays')}
            />
            <PersonalDataChoice disabled={refusal !== undefined} {...form.field('personalDataPolicy')} />
            <div>
              <span className="dim">Organisation id </span>
              <Copyable value={settings.id} label="Copy the organisation id" />
            </div>
            <FormProblem problem={form.problem} />
            <Group justify="flex-end">
              {refusal || isSame ? (
                <GuardedButton refusal={refusal ?? 'Nothing is changed yet'}>Save</GuardedButton>
              ) : (
                <Button type="submit" loading={change.isPending}>
                  Save
                </Button>
              )}
            </Group>
          </Stack>
        </form>
      </Panel>
      {confirming ? (
        <ConfirmDialog
          title="Keep telemetry for less time?"
          action="Shorten the retention"
          typed={`${retentionDays} days`}
          onClose={() => setConfirming(false)}
          onConfirm={save}
        >
          Everything older than {retentionDays} days is removed soon after. It cannot be brought back.
        </ConfirmDialog>
      ) : null}
    </div>
  );
}
