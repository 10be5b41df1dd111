import { Button, Group, Modal, NativeSelect, SegmentedControl, Stack, Text, TextInput } from '@mantine/core';
import { channelChange, channelCreate, type NotificationChannel, type Severity } from '@valtronics/contract';
import { useState } from 'react';
import { useChange } from '../../api/use-endpoint.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { useContractForm } from '../../ui/forms/use-contract-form.ts';
import { SecretOnce } from '../../ui/secret-once.tsx';
import { sayDone } from '../../ui/toasts.tsx';
import { UNREADABLE_WHY } from '../../ui/unreadable.tsx';

export function ChannelDialog({ channel, onClose }: { channel?: NotificationChannel; onClose: () => void }) {
  const form = useContractForm({
    name: channel?.name ?? '',
    kind: channel?.kind ?? ('email' as 'email' | 'webhook'),
    target: channel?.target ?? '',
    minimumSeverity: channel?.minimumSeverity ?? ('warning' as Severity),
  });
  const create = useChange(channelCreate, ['/notification-channels']);
  const change = useChange(channelChange, ['/notification-channels']);
  const [secret, setSecret] = useState<string | null>(null);
  const { kind, name, target, minimumSeverity } = form.values;
  // An address that does not open is left alone unless another is given.
  const isUnreadable = channel?.unreadable.includes('target') ?? false;
  const common = { name, target, minimumSeverity };

  const submit = () =>
    channel
      ? form.submit(
          channelChange.body,
          isUnreadable && target === '' ? { name, minimumSeverity } : common,
          async (body) => {
            await change.mutateAsync({ params: { id: channel.id }, body });
            sayDone(`${name} saved`);
            onClose();
          },
        )
      : form.submit(channelCreate.body, { ...common, kind }, async (body) => {
          const made = await create.mutateAsync({ body });
          if (made.secret) return setSecret(made.secret);
          sayDone(`${name} added`);
          onClose();
        });

  if (secret) {
    return (
      <Modal
        opened
        onClose={onClose}
        title={`${name} is added`}
        closeOnClickOutside={false}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        <SecretOnce
          label="Signing secret"
          secret={secret}
          kept="it is stored encrypted, to sign with, and never shown again"
        >
          <Text size="sm" c="dimmed">
            Every delivery is signed with it, so that the receiver can tell it came from here.
          </Text>
          <Group justify="flex-end">
            <Button onClick={onClose}>Done</Button>
          </Group>
        </SecretOnce>
      </Modal>
    );
  }
  return (
    <Modal
      opened
      onClose={onClose}
      title={channel ? channel.name : 'New notification channel'}
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
          {channel ? null : (
            <SegmentedControl
              aria-label="Kind"
              size="xs"
              value={kind}
              onChange={(next) => form.set('kind', next as typeof kind)}
              data={[
                { value: 'email', label: 'Email' },
                { value: 'webhook', label: 'Webhook' },
              ]}
            />
          )}
          <TextInput data-autofocus label="Name" placeholder="On-call mailbox" maxLength={120} {...form.text('name')} />
          {kind === 'email' ? (
            <TextInput
              label="Email address"
              type="email"
              description={isUnreadable ? UNREADABLE_WHY : undefined}
              autoComplete="off"
              {...form.text('target')}
            />
          ) : (
            <TextInput
              label="URL"
              description={isUnreadable ? UNREADABLE_WHY : 'HTTPS; private addresses only where the server allows them'}
              placeholder="https://hooks.example.com/alerts"
              autoComplete="off"
              {...form.text('target')}
            />
          )}
          <NativeSelect
            label="Send alerts from"
            value={minimumSeverity}
            error={form.errors.minimumSeverity}
            data={[
              { value: 'info', label: 'Info, that is all' },
              { value: 'warning', label: 'Warning' },
              { value: 'critical', label: 'Critical only' },
            ]}
            onChange={(event) => form.set('minimumSeverity', event.currentTarget.value as Severity)}
          />
          <FormProblem problem={form.problem} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={create.isPending || change.isPending}>
              {channel ? 'Save' : 'Add channel'}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
