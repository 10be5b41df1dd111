import { Badge, Button, Code, Group, NumberInput, Skeleton, Stack, Textarea, TextInput } from '@mantine/core';
import { IconSend } from '@tabler/icons-react';
import { commandSend, commandsList, type Device, type DeviceCommand } from '@valtronics/contract';
import { useRefusal } from '../../api/session.ts';
import { useChange, useEndpointPages } from '../../api/use-endpoint.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { useContractForm } from '../../ui/forms/use-contract-form.ts';
import { GuardedButton } from '../../ui/guarded.tsx';
import { MoreButton } from '../../ui/more-button.tsx';
import { Panel } from '../../ui/page.tsx';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import classes from './device.module.css';

const words: Record<DeviceCommand['status'], string> = {
  pending: 'Waits for the device',
  sent: 'Sent',
  acknowledged: 'Acknowledged',
  failed: 'Failed',
  timed_out: 'Timed out',
};
const isOpen = ({ status }: DeviceCommand) => status === 'pending' || status === 'sent';

export function CommandsTab({ device }: { device: Device }) {
  const commands = useEndpointPages(
    commandsList,
    { params: { id: device.id }, query: { limit: 50 } },
    { refetchInterval: 2_000 },
  );
  return (
    <Stack gap="md">
      <SendCommand device={device} />
      {commands.error && commands.rows.length === 0 ? (
        <ErrorState problem={commands.error} onRetry={commands.refetch} />
      ) : commands.isPending ? (
        <Skeleton height={160} />
      ) : commands.rows.length === 0 ? (
        <EmptyState
          icon={<IconSend size={20} />}
          title="No command sent yet"
          hint="Every command with its answer, failure or time-out will stand here."
        />
      ) : (
        <Panel title="History" flush>
          <ul className={classes.list}>
            {commands.rows.map((command) => (
              <li key={command.id}>
                <Badge
                  color={command.status === 'failed' || command.status === 'timed_out' ? 'red' : 'gray'}
                  variant={isOpen(command) ? 'dot' : 'default'}
                >
                  {words[command.status]}
                </Badge>
                <b>{command.name}</b>
                <span className={classes.grow}>
                  {command.payload === null || command.payload === undefined ? null : (
                    <Code>{JSON.stringify(command.payload)}</Code>
                  )}
                </span>
                {command.response === null || command.response === undefined ? null : (
                  <Code>{JSON.stringify(command.response)}</Code>
                )}
                <span className="dim">{command.createdBy}</span>
                <RelativeTime at={command.createdAt} />
              </li>
            ))}
          </ul>
          <MoreButton of={commands} />
        </Panel>
      )}
    </Stack>
  );
}

function SendCommand({ device }: { device: Device }) {
  const refusal = useRefusal(commandSend);
  const send = useChange(commandSend, ['/devices/{id}/commands']);
  const form = useContractForm({ name: '', payload: '', timeoutSeconds: 60 as number | string });
  return (
    <Panel title="Send a command">
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          const { name, payload, timeoutSeconds } = form.values;
          let parsed: unknown;
          try {
            parsed = payload.trim() === '' ? undefined : JSON.parse(payload);
          } catch {
            form.fail({ payload: 'Not JSON' });
            return;
          }
          const body = {
            name,
            ...(parsed === undefined ? {} : { payload: parsed }),
            ...(typeof timeoutSeconds === 'number' ? { timeoutSeconds } : {}),
          };
          void form.submit(commandSend.body, body, async (sound) => {
            await send.mutateAsync({ params: { id: device.id }, body: sound });
            form.set('name', '');
            form.set('payload', '');
          });
        }}
      >
        <Stack gap="sm">
          <Group gap="sm" align="flex-start" grow preventGrowOverflow={false}>
            <TextInput label="Name" placeholder="set_interval" maxLength={64} {...form.text('name')} />
            <NumberInput
              label="Time-out"
              suffix=" s"
              min={1}
              max={86_400}
              allowDecimal={false}
              {...form.field('timeoutSeconds')}
            />
          </Group>
          <Textarea
            label="Payload"
            description="JSON, or nothing"
            placeholder='{"seconds": 10}'
            autosize
            minRows={2}
            maxLength={8000}
            {...form.text('payload')}
          />
          <FormProblem problem={form.problem} />
          <Group justify="space-between">
            <span className="dim">
              {device.status === 'online'
                ? 'The device is online.'
                : 'The device is away; the command waits until its time is up.'}
            </span>
            {refusal ? (
              <GuardedButton refusal={refusal}>Send</GuardedButton>
            ) : (
              <Button type="submit" loading={send.isPending} leftSection={<IconSend size={14} />}>
                Send
              </Button>
            )}
          </Group>
        </Stack>
      </form>
    </Panel>
  );
}
