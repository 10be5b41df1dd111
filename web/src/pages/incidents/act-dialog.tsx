import { Button, Group, Modal, NativeSelect, Stack, Text, Textarea, TextInput } from '@mantine/core';
import {
  type Incident,
  type IncidentSeverity,
  incidentAcknowledge,
  incidentBreachFlag,
  incidentBreachNotified,
  incidentBreachWithdraw,
  incidentContain,
  incidentReopen,
  incidentResolve,
  incidentSeverities,
  incidentSeverityChange,
} from '@valtronics/contract';
import { useChange } from '../../api/use-endpoint.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { orLeftOut, useContractForm } from '../../ui/forms/use-contract-form.ts';
import { incidentSeverityWord } from '../../ui/severity.tsx';
import { dayAndMinute } from '../../ui/time/format-time.ts';
import { sayDone } from '../../ui/toasts.tsx';

/** What a person does to an incident that takes a word about it. */
const acts = {
  acknowledge: {
    endpoint: incidentAcknowledge,
    verb: 'Acknowledge',
    done: 'acknowledged',
    label: 'Note',
    hint: 'For the timeline; may stay empty',
  },
  contain: {
    endpoint: incidentContain,
    verb: 'Contain',
    done: 'contained',
    label: 'Note',
    hint: 'What keeps it from doing more harm; may stay empty',
  },
  resolve: { endpoint: incidentResolve, verb: 'Resolve', done: 'resolved', label: 'How it was dealt with' },
  reopen: { endpoint: incidentReopen, verb: 'Reopen', done: 'reopened', label: 'Why it is not dealt with' },
  severity: { endpoint: incidentSeverityChange, verb: 'Change severity', done: 'changed', label: 'Why' },
  flag: {
    endpoint: incidentBreachFlag,
    verb: 'Flag as a breach',
    done: 'flagged as a breach',
    label: 'What personal data is concerned',
    hint: 'For the timeline; may stay empty',
    time: 'Aware of it since',
  },
  notified: {
    endpoint: incidentBreachNotified,
    verb: 'Record the notification',
    done: 'recorded as told to the authority',
    label: 'To whom, and under which reference',
    time: 'Told at',
  },
  withdraw: {
    endpoint: incidentBreachWithdraw,
    verb: 'Withdraw the flag',
    done: 'no longer flagged as a breach',
    label: 'Why it is no breach',
  },
} as const;
export type Act = keyof typeof acts;

const explanations: Partial<Record<Act, string>> = {
  flag: 'The authority is to be told within 72 hours after one became aware of it (GDPR, Article 33). Reminders go to the notification channels 24 and 4 hours before the end.',
  withdraw: 'The clock stops. What you write here is the reasoning that is kept, in the timeline and in the audit log.',
  reopen: 'It is being worked on again; the time to resolve goes on counting from when it was opened.',
};

interface Props {
  act: Act;
  incident: Incident;
  onClose: () => void;
}

export function ActDialog({ act, incident, onClose }: Props) {
  const { endpoint, verb, done, label, ...more } = acts[act];
  const form = useContractForm({
    note: '',
    severity: incident.severity,
    at: dayAndMinute(Date.now()).replace(' ', 'T'),
  });
  const { values } = form;
  const change = useChange<typeof endpoint>(endpoint, ['/incidents']);
  const time = 'time' in more ? more.time : undefined;

  const submit = () => {
    const note = 'hint' in more ? orLeftOut(values.note) : values.note;
    const at = momentOf(values.at);
    const body =
      act === 'severity'
        ? { note, severity: values.severity }
        : act === 'flag'
          ? { note, ...(at && { awareAt: at }) }
          : act === 'notified'
            ? { note, ...(at && { notifiedAt: at }) }
            : { note };
    return form.submit(endpoint.body, body, async (sound) => {
      await change.mutateAsync({ params: { id: incident.id }, body: sound as never });
      sayDone(`“${incident.title}” is ${done}`);
      onClose();
    });
  };
  const atError = (form.errors as Record<string, string | undefined>)[act === 'flag' ? 'awareAt' : 'notifiedAt'];
  return (
    <Modal opened onClose={onClose} title={`${verb}: ${incident.title}`} closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <Stack gap="sm">
          {explanations[act] ? (
            <Text size="sm" c="dimmed">
              {explanations[act]}
            </Text>
          ) : null}
          {act === 'severity' ? (
            <NativeSelect
              label="Severity"
              value={values.severity}
              data={incidentSeverities.map((value) => ({ value, label: incidentSeverityWord(value) }))}
              onChange={(event) => form.set('severity', event.currentTarget.value as IncidentSeverity)}
            />
          ) : null}
          {time ? (
            <TextInput
              type="datetime-local"
              label={time}
              description="In your time zone"
              {...form.text('at')}
              error={form.errors.at ?? atError}
            />
          ) : null}
          <Textarea
            data-autofocus
            label={label}
            description={'hint' in more ? more.hint : undefined}
            autosize
            minRows={2}
            maxLength={2000}
            {...form.text('note')}
          />
          <FormProblem problem={form.problem} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={change.isPending}>
              {verb}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

/** A local minute as RFC 3339; this minute is now, which the server says better than a minute that has not ended. */
function momentOf(local: string): string | undefined {
  const at = Date.parse(local);
  return Number.isFinite(at) && Date.now() - at >= 60_000 ? new Date(at).toISOString() : undefined;
}
