import { Button, Group, Stack, Textarea } from '@mantine/core';
import { incidentNote } from '@valtronics/contract';
import { useRefusal } from '../../api/session.ts';
import { useChange } from '../../api/use-endpoint.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { useContractForm } from '../../ui/forms/use-contract-form.ts';
import { GuardedButton } from '../../ui/guarded.tsx';

export function NoteForm({ id }: { id: string }) {
  const refusal = useRefusal(incidentNote);
  const add = useChange(incidentNote, ['/incidents']);
  const form = useContractForm({ note: '' });
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void form.submit(incidentNote.body, { note: form.values.note }, async (body) => {
          await add.mutateAsync({ params: { id }, body });
          form.set('note', '');
        });
      }}
    >
      <Stack gap="xs" mb="md">
        <Textarea
          aria-label="Note"
          placeholder="Write something into the timeline"
          autosize
          minRows={2}
          maxLength={2000}
          disabled={refusal !== undefined}
          {...form.text('note')}
        />
        <FormProblem problem={form.problem} />
        <Group justify="flex-end">
          {refusal || form.values.note.trim() === '' ? (
            <GuardedButton variant="default" refusal={refusal ?? 'Write the note first'}>
              Add note
            </GuardedButton>
          ) : (
            <Button type="submit" variant="default" loading={add.isPending}>
              Add note
            </Button>
          )}
        </Group>
      </Stack>
    </form>
  );
}
