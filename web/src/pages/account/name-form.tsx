import { Button, Group, Stack, TextInput } from '@mantine/core';
import { meChange } from '@valtronics/contract';
import { useSetMe } from '../../api/session.ts';
import { useChange } from '../../api/use-endpoint.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { orNull, useContractForm } from '../../ui/forms/use-contract-form.ts';
import { sayDone } from '../../ui/toasts.tsx';

export function NameForm({ name }: { name: string | null }) {
  const form = useContractForm({ name: name ?? '' });
  const change = useChange(meChange, ['/users']);
  const setMe = useSetMe();
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void form.submit(meChange.body, { name: orNull(form.values.name) }, async (body) => {
          setMe(await change.mutateAsync({ body }));
          sayDone('Name changed');
        });
      }}
    >
      <Stack gap="sm">
        <TextInput label="Name" description="How others see you" autoComplete="name" {...form.text('name')} />
        <FormProblem problem={form.problem} />
        <Group justify="flex-end">
          <Button type="submit" loading={change.isPending} disabled={orNull(form.values.name) === name}>
            Save
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
