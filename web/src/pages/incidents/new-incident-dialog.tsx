import { Button, Group, Modal, NativeSelect, Stack, Textarea, TextInput } from '@mantine/core';
import { type Incident, type IncidentSeverity, incidentOpen, incidentSeverities } from '@valtronics/contract';
import { useChange } from '../../api/use-endpoint.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { orLeftOut, useContractForm } from '../../ui/forms/use-contract-form.ts';
import { incidentSeverityWord } from '../../ui/severity.tsx';
import { scopeWord } from './incident-words.ts';

const scopes = ['ip', 'range', 'user', 'device'] as const;
const hints = {
  '': 'Nothing joins it by itself',
  ip: 'As 192.0.2.7 or 2001:db8::7',
  range: 'As 192.0.2.0/24',
  user: 'The id of the person, from the list of people',
  device: 'The id of the device, from its page',
} as const;

interface Props {
  onOpened: (incident: Incident) => void;
  onClose: () => void;
}

export function NewIncidentDialog({ onOpened, onClose }: Props) {
  const form = useContractForm({
    title: '',
    severity: 'medium' as IncidentSeverity,
    scope: '' as '' | (typeof scopes)[number],
    subject: '',
    note: '',
  });
  const open = useChange(incidentOpen, ['/incidents']);
  const { values } = form;
  const submit = () => {
    const { title, severity, scope, note } = values;
    if (scope !== '' && values.subject.trim() === '') return form.fail({ subject: 'Say which' });
    const body = {
      title,
      severity,
      note: orLeftOut(note),
      ...(scope === '' ? {} : { subject: { scope, value: values.subject } }),
    };
    return form.submit(incidentOpen.body, body, async (sound) => onOpened(await open.mutateAsync({ body: sound })));
  };
  return (
    <Modal opened onClose={onClose} title="Open an incident" closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <Stack gap="sm">
          <TextInput
            data-autofocus
            label="What happened"
            placeholder="A laptop was stolen"
            maxLength={200}
            {...form.text('title')}
          />
          <NativeSelect
            label="Severity"
            value={values.severity}
            data={incidentSeverities.map((value) => ({ value, label: incidentSeverityWord(value) }))}
            onChange={(event) => form.set('severity', event.currentTarget.value as IncidentSeverity)}
          />
          <Group gap="xs" align="flex-start" grow preventGrowOverflow={false} wrap="nowrap">
            <NativeSelect
              w={150}
              label="About"
              value={values.scope}
              data={[
                { value: '', label: 'nobody known' },
                ...scopes.map((value) => ({ value, label: scopeWord(value).toLowerCase() })),
              ]}
              onChange={(event) => form.set('scope', event.currentTarget.value as typeof values.scope)}
            />
            <TextInput
              label="Which"
              description={hints[values.scope]}
              inputWrapperOrder={['label', 'input', 'description', 'error']}
              disabled={values.scope === ''}
              maxLength={200}
              autoComplete="off"
              {...form.text('subject')}
            />
          </Group>
          <Textarea
            label="What is known"
            description="For the timeline; may stay empty"
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
            <Button type="submit" loading={open.isPending}>
              Open incident
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
