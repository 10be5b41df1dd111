import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { siemDestinationBackfill } from '@valtronics/contract';
import { useChange } from '../../api/use-endpoint.ts';
import { countText } from '../../ui/format-value.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { useContractForm } from '../../ui/forms/use-contract-form.ts';
import { dayAndMinute } from '../../ui/time/format-time.ts';
import { sayDone } from '../../ui/toasts.tsx';
import type { Destination } from './siem-words.ts';

const dayMs = 86_400_000;

export function BackfillDialog({ destination, onClose }: { destination: Destination; onClose: () => void }) {
  const form = useContractForm({ from: dayAndMinute(Date.now() - dayMs).replace(' ', 'T') });
  const backfill = useChange(siemDestinationBackfill, ['/siem-destinations']);
  const submit = () => {
    const at = Date.parse(form.values.from);
    if (!Number.isFinite(at)) return form.fail({ from: 'Choose a day and a time' });
    return form.submit(siemDestinationBackfill.body, { from: new Date(at).toISOString() }, async (body) => {
      const { events } = await backfill.mutateAsync({ params: { id: destination.id }, body });
      sayDone(`${destination.name} gets ${events === 1 ? '1 event' : `${countText(events)} events`} again`);
      onClose();
    });
  };
  return (
    <Modal
      opened
      onClose={onClose}
      title={`Deliver again to ${destination.name}`}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <Stack gap="sm">
          <Text size="sm" c="dimmed">
            Everything from that moment on is delivered once more, in order, before what comes new. Each event keeps its
            id, so that the receiver can tell what it has already.
          </Text>
          <TextInput
            data-autofocus
            type="datetime-local"
            label="From"
            description="In your time zone"
            {...form.text('from')}
          />
          <FormProblem problem={form.problem} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={backfill.isPending}>
              Deliver again
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
