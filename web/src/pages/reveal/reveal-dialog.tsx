import { Button, Group, Modal, Stack, Text, Textarea } from '@mantine/core';
import { channelReveal, deviceReveal, type Revealable, subjectReveal, userReveal } from '@valtronics/contract';
import { useChange } from '../../api/use-endpoint.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { useContractForm } from '../../ui/forms/use-contract-form.ts';

/** They differ in the names of fields only, which the caller takes from the same list of the contract. */
type AnyReveal = Omit<typeof subjectReveal, 'body' | 'response'> & {
  readonly body: typeof subjectReveal.body;
  readonly response: typeof subjectReveal.response;
};
const endpoints = {
  subjects: subjectReveal,
  devices: deviceReveal,
  users: userReveal,
  'notification-channels': channelReveal,
} as unknown as Readonly<Record<Revealable, AnyReveal>>;

interface Props {
  resource: Revealable;
  id: string;
  /** Of the field, as the contract calls it, and as a person does. */
  field: string;
  what: string;
  onRevealed: (value: string | null) => void;
  onClose: () => void;
}

/** Asks why; the proof that it is still the same person is asked for by the call itself. */
export function RevealDialog({ resource, id, field, what, onRevealed, onClose }: Props) {
  const endpoint = endpoints[resource];
  const form = useContractForm({ reason: '' });
  const reveal = useChange(endpoint, []);
  return (
    <Modal opened onClose={onClose} title={`Reveal the ${what}?`} closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void form.submit(endpoint.body, { fields: [field], reason: form.values.reason }, async (body) => {
            const { values } = await reveal.mutateAsync({ params: { id }, body });
            onRevealed((values as Readonly<Record<string, string | null>>)[field] ?? null);
          });
        }}
      >
        <Stack gap="sm">
          <Text size="sm" c="dimmed">
            It is shown for a minute. Who had it shown, and why, stands in the audit log; the {what} does not.
          </Text>
          <Textarea
            data-autofocus
            label="Reason"
            description="10–300 characters: what it is needed for"
            autosize
            minRows={2}
            maxRows={6}
            maxLength={300}
            {...form.text('reason')}
          />
          <FormProblem problem={form.problem} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={reveal.isPending}>
              Reveal
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
