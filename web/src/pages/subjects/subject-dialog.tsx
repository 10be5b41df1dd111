import { Button, Group, Modal, Stack, TextInput } from '@mantine/core';
import { type Subject, subjectChange, subjectRegister } from '@valtronics/contract';
import { useChange } from '../../api/use-endpoint.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { orNull, useContractForm } from '../../ui/forms/use-contract-form.ts';

interface Props {
  /** Undefined: somebody new. */
  subject?: Subject;
  onDone: (subject: Subject) => void;
  onClose: () => void;
}

export function SubjectDialog({ subject, onDone, onClose }: Props) {
  const form = useContractForm({ reference: subject?.reference ?? '', name: subject?.name ?? '' });
  const stale = ['/subjects', '/devices/{id}/assignments'];
  const register = useChange(subjectRegister, stale);
  const change = useChange(subjectChange, stale);
  return (
    <Modal
      opened
      onClose={onClose}
      title={subject ? 'Change the person measured' : 'Register a person measured'}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          const body = { reference: form.values.reference, name: orNull(form.values.name) };
          void form.submit(subjectRegister.body, body, async (sound) =>
            onDone(
              subject
                ? await change.mutateAsync({ params: { id: subject.id }, body: sound })
                : await register.mutateAsync({ body: sound }),
            ),
          );
        }}
      >
        <Stack gap="sm">
          <TextInput
            data-autofocus
            label="Reference"
            description="What the person is known by elsewhere, such as a medical record number; each is there once"
            autoComplete="off"
            maxLength={120}
            {...form.text('reference')}
          />
          <TextInput
            label="Name"
            description="May stay empty; only who may change devices sees it"
            autoComplete="off"
            maxLength={120}
            {...form.text('name')}
          />
          <FormProblem problem={form.problem} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={register.isPending || change.isPending}>
              {subject ? 'Save' : 'Register'}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
