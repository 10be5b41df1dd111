import { ActionIcon, Menu } from '@mantine/core';
import { IconBellRinging, IconDots, IconPlus } from '@tabler/icons-react';
import {
  channelChange,
  channelCreate,
  channelDelete,
  channelsList,
  channelTest,
  type NotificationChannel,
} from '@valtronics/contract';
import { useState } from 'react';
import { asProblem } from '../../api/problem-error.ts';
import { useRefusal } from '../../api/session.ts';
import { useChange, useEndpoint } from '../../api/use-endpoint.ts';
import { ConfirmDialog } from '../../ui/forms/confirm-dialog.tsx';
import { GuardedButton } from '../../ui/guarded.tsx';
import { PageHeader } from '../../ui/page.tsx';
import { SeverityBadge } from '../../ui/severity.tsx';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { type Column, DataTable } from '../../ui/table/data-table.tsx';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { sayDone, sayProblem } from '../../ui/toasts.tsx';
import { Unreadable } from '../../ui/unreadable.tsx';
import { MaskedValue } from '../reveal/masked-value.tsx';
import { ChannelDialog } from './channel-dialog.tsx';
import { ChannelName } from './channel-name.tsx';

const pollMs = 15_000;
/** After a test someone waits for its outcome, and how long a target takes is not known. */
const pollAfterTestMs = 1_000;
const testIsAwaitedMs = 30_000;

type Dialog = { kind: 'new' } | { kind: 'edit' | 'delete'; channel: NotificationChannel } | null;

export function NotificationsPage() {
  const test = useChange(channelTest, ['/notification-channels']);
  const refetchInterval = () => (Date.now() - test.submittedAt < testIsAwaitedMs ? pollAfterTestMs : pollMs);
  const { data, error, isPending, refetch } = useEndpoint(channelsList, {}, { refetchInterval });
  const refusal = useRefusal(channelCreate);
  const [dialog, setDialog] = useState<Dialog>(null);
  const change = useChange(channelChange, ['/notification-channels']);
  const remove = useChange(channelDelete, ['/notification-channels']);
  const act = async (work: () => Promise<unknown>, done: string, detail?: string) => {
    try {
      await work();
      sayDone(done, detail);
    } catch (failure) {
      sayProblem(asProblem(failure));
    }
  };
  const add = (
    <GuardedButton refusal={refusal} leftSection={<IconPlus size={14} />} onClick={() => setDialog({ kind: 'new' })}>
      New channel
    </GuardedButton>
  );
  const columns: readonly Column<NotificationChannel>[] = [
    {
      key: 'name',
      header: 'Channel',
      width: 'minmax(130px, 1.2fr)',
      cell: (channel) => <ChannelName channel={channel} />,
    },
    {
      key: 'target',
      header: 'To',
      width: 'minmax(140px, 1.6fr)',
      from: 560,
      cell: ({ id, name, target }) =>
        target === null ? (
          <Unreadable />
        ) : (
          <MaskedValue resource="notification-channels" id={id} field="target" what="address" of={name}>
            {target}
          </MaskedValue>
        ),
    },
    {
      key: 'severity',
      header: 'From',
      width: '92px',
      from: 420,
      cell: ({ minimumSeverity }) => <SeverityBadge severity={minimumSeverity} />,
    },
    {
      key: 'delivered',
      header: 'Last delivered',
      width: '104px',
      from: 760,
      cell: ({ lastDeliveredAt }) => <RelativeTime at={lastDeliveredAt} />,
    },
    {
      key: 'error',
      header: 'Last fault',
      width: 'minmax(100px, 1.2fr)',
      from: 980,
      cell: ({ lastError }) => (
        <span className="dim" title={lastError ?? undefined}>
          {lastError ?? 'none'}
        </span>
      ),
    },
    {
      key: 'actions',
      header: 'Actions',
      headerHidden: true,
      width: '32px',
      cell: (channel) => (
        <Menu position="bottom-end">
          <Menu.Target>
            <ActionIcon aria-label={`Actions for ${channel.name}`} disabled={refusal !== undefined} title={refusal}>
              <IconDots size={16} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item
              onClick={() =>
                void act(
                  () => test.mutateAsync({ params: { id: channel.id } }),
                  'Test notification queued',
                  'The list shows how it went.',
                )
              }
            >
              Send a test
            </Menu.Item>
            <Menu.Item onClick={() => setDialog({ kind: 'edit', channel })}>Change…</Menu.Item>
            <Menu.Item
              onClick={() =>
                void act(
                  () => change.mutateAsync({ params: { id: channel.id }, body: { enabled: !channel.enabled } }),
                  `${channel.name} is ${channel.enabled ? 'off' : 'on'}`,
                )
              }
            >
              {channel.enabled ? 'Turn off' : 'Turn on'}
            </Menu.Item>
            <Menu.Divider />
            <Menu.Item onClick={() => setDialog({ kind: 'delete', channel })}>Delete…</Menu.Item>
          </Menu.Dropdown>
        </Menu>
      ),
    },
  ];
  return (
    <>
      <PageHeader title="Notifications" detail="Where alerts are sent, besides being shown here" actions={add} />
      {error && !data ? (
        <ErrorState problem={error} onRetry={() => void refetch()} />
      ) : (
        <DataTable
          label="Notification channels"
          columns={columns}
          rows={data?.items ?? []}
          rowHeight={44}
          loading={isPending}
          empty={
            <EmptyState
              icon={<IconBellRinging size={20} />}
              title="Alerts are only shown here"
              hint="Add a mailbox or a signed webhook, and alerts of the severity you choose go there as well, at least once, with retries."
              action={add}
            />
          }
        />
      )}
      {dialog?.kind === 'new' ? <ChannelDialog onClose={() => setDialog(null)} /> : null}
      {dialog?.kind === 'edit' ? <ChannelDialog channel={dialog.channel} onClose={() => setDialog(null)} /> : null}
      {dialog?.kind === 'delete' ? (
        <ConfirmDialog
          title={`Delete ${dialog.channel.name}?`}
          action="Delete the channel"
          typed={dialog.channel.name}
          onClose={() => setDialog(null)}
          onConfirm={() => remove.mutateAsync({ params: { id: dialog.channel.id } })}
        >
          Alerts are no longer sent to {dialog.channel.target ?? 'its address, which does not open'}. A webhook's
          signing secret is gone with it.
        </ConfirmDialog>
      ) : null}
    </>
  );
}
