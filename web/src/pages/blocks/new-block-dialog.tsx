import { Button, Group, Modal, NativeSelect, SegmentedControl, Stack, Text, TextInput } from '@mantine/core';
import { type BlockKind, type BlockScope, blockCreate, blockScopes } from '@valtronics/contract';
import { useMe } from '../../api/session.ts';
import { useChange } from '../../api/use-endpoint.ts';
import { DurationInput } from '../../ui/forms/duration-input.tsx';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { useContractForm } from '../../ui/forms/use-contract-form.ts';
import { sayDone } from '../../ui/toasts.tsx';
import { kindWords, scopeWords, subjectOf } from './block-words.ts';

const hints: Record<BlockScope, string> = {
  ip: 'As 192.0.2.7 or 2001:db8::7; of IPv6 its whole /64',
  range: 'As 192.0.2.0/24',
  user: 'The id of the person, from the list of people',
  device: 'The id of the device, from its page',
};
const meanings: Record<BlockKind, string> = {
  block: 'Strangers and new sign-ins are kept out; sessions and devices that were let in before go on.',
  ban: 'Nothing is taken from there, on any door, and open connections end.',
};

export function NewBlockDialog({ onClose }: { onClose: () => void }) {
  const { organisation } = useMe();
  const scopes = blockScopes.filter((scope) => organisation.operatesInstance || scope === 'user' || scope === 'device');
  const form = useContractForm({
    scope: (scopes[0] ?? 'user') as BlockScope,
    value: '',
    kind: 'block' as BlockKind,
    seconds: 3600 as number | string,
    reason: '',
  });
  const create = useChange(blockCreate, ['/blocks', '/incidents']);
  const { values } = form;
  const isNetwork = values.scope === 'ip' || values.scope === 'range';
  const submit = () =>
    form.submit(blockCreate.body, values, async (body) => {
      const made = await create.mutateAsync({ body });
      sayDone(`${subjectOf(made)} is kept out`);
      onClose();
    });
  return (
    <Modal opened onClose={onClose} title="Block somebody" closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <Stack gap="sm">
          <NativeSelect
            label="Who"
            value={values.scope}
            data={scopes.map((value) => ({ value, label: scopeWords[value] }))}
            onChange={(event) => form.set('scope', event.currentTarget.value as BlockScope)}
          />
          <TextInput
            data-autofocus
            label="Which"
            description={hints[values.scope]}
            autoComplete="off"
            maxLength={200}
            {...form.text('value')}
          />
          {isNetwork ? (
            <div>
              <SegmentedControl
                aria-label="Kind"
                size="xs"
                value={values.kind}
                onChange={(next) => form.set('kind', next as BlockKind)}
                data={(['block', 'ban'] as const).map((value) => ({ value, label: kindWords[value] }))}
              />
              <Text size="xs" c="dimmed" mt={4}>
                {meanings[values.kind]}
              </Text>
            </div>
          ) : (
            <Text size="xs" c="dimmed">
              Refused wherever they come from; open connections end.
            </Text>
          )}
          <div>
            <Text size="sm" fw={500} mb={4}>
              For
            </Text>
            <DurationInput
              label="For"
              value={values.seconds}
              error={form.errors.seconds}
              onChange={(seconds) => form.set('seconds', seconds)}
            />
          </div>
          <TextInput
            label="Reason"
            description="Shown to whoever is kept out"
            maxLength={200}
            {...form.text('reason')}
          />
          <FormProblem problem={form.problem} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" color="red.8" loading={create.isPending}>
              Keep out
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
