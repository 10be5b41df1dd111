import { ActionIcon, Button, Group, Menu } from '@mantine/core';
import { IconDots, IconPlus, IconStack2 } from '@tabler/icons-react';
import { type DeviceGroup, deviceGroupCreate, deviceGroupsList } from '@valtronics/contract';
import { useMemo, useState } from 'react';
import { Link, useNavigate } from 'react-router';
import { useRefusal } from '../../api/session.ts';
import { useEndpoint } from '../../api/use-endpoint.ts';
import { countText } from '../../ui/format-value.ts';
import { GuardedButton } from '../../ui/guarded.tsx';
import { PageHeader } from '../../ui/page.tsx';
import { paths } from '../../ui/paths.ts';
import { SearchField } from '../../ui/search-field.tsx';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { type Column, DataTable } from '../../ui/table/data-table.tsx';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { useSearchState } from '../../ui/use-search-state.ts';
import { DeleteGroupDialog } from './delete-group-dialog.tsx';
import { GroupNameDialog } from './group-name-dialog.tsx';

type Action = 'rename' | 'delete';

export function DeviceGroupsPage() {
  const { get, set } = useSearchState();
  const navigate = useNavigate();
  const { data, error, isPending, refetch } = useEndpoint(deviceGroupsList, {});
  const refusal = useRefusal(deviceGroupCreate);
  const [dialog, setDialog] = useState<{ action: Action; group: DeviceGroup } | null>(null);
  const columns = useMemo(() => groupColumns((action, group) => setDialog({ action, group })), []);
  const text = get('text') ?? '';
  const rows = (data?.items ?? []).filter(({ name }) => name.toLowerCase().includes(text.toLowerCase()));
  const add = (
    <GuardedButton
      refusal={refusal}
      leftSection={<IconPlus size={14} />}
      onClick={() => set({ new: '1' }, { replace: false })}
    >
      New group
    </GuardedButton>
  );
  return (
    <>
      <PageHeader
        title="Device groups"
        detail="What people, service accounts and keys may be limited to"
        actions={add}
      />
      <Group gap="xs" mb="sm">
        <SearchField label="Search groups" value={text} onChange={(next) => set({ text: next })} />
      </Group>
      {error && !data ? (
        <ErrorState problem={error} onRetry={() => void refetch()} />
      ) : (
        <DataTable
          label="Device groups"
          columns={columns}
          rows={rows}
          loading={isPending}
          empty={
            text === '' ? (
              <EmptyState
                icon={<IconStack2 size={20} />}
                title="No device groups yet"
                hint="Everybody sees the whole fleet. Put devices into a group, and you can limit people and keys to it: to them every other device is one that does not exist."
                action={add}
              />
            ) : (
              <EmptyState
                icon={<IconStack2 size={20} />}
                title="No group matches"
                hint="Groups whose name holds the text will stand here."
                action={
                  <Button variant="default" onClick={() => set({ text: null })}>
                    Clear the search
                  </Button>
                }
              />
            )
          }
        />
      )}
      {get('new') && !refusal ? (
        <GroupNameDialog
          onDone={(id) => void navigate(paths.deviceGroup(id), { replace: true })}
          onClose={() => set({ new: null })}
        />
      ) : null}
      {dialog?.action === 'rename' ? (
        <GroupNameDialog group={dialog.group} onDone={() => setDialog(null)} onClose={() => setDialog(null)} />
      ) : null}
      {dialog?.action === 'delete' ? <DeleteGroupDialog group={dialog.group} onClose={() => setDialog(null)} /> : null}
    </>
  );
}

const groupColumns = (onPick: (action: Action, group: DeviceGroup) => void): readonly Column<DeviceGroup>[] => [
  {
    key: 'name',
    header: 'Group',
    width: 'minmax(120px, 2fr)',
    cell: ({ id, name }) => <Link to={paths.deviceGroup(id)}>{name}</Link>,
  },
  { key: 'devices', header: 'Devices', width: '72px', align: 'right', cell: ({ devices }) => countText(devices) },
  {
    key: 'people',
    header: 'Accounts',
    width: '80px',
    from: 420,
    align: 'right',
    cell: ({ people }) => <Count of={people} />,
  },
  {
    key: 'keys',
    header: 'API keys',
    width: '80px',
    from: 500,
    align: 'right',
    cell: ({ apiKeys }) => <Count of={apiKeys} />,
  },
  {
    key: 'made',
    header: 'Made',
    width: '100px',
    from: 620,
    align: 'right',
    cell: ({ createdAt }) => <RelativeTime at={createdAt} />,
  },
  {
    key: 'actions',
    header: 'Actions',
    headerHidden: true,
    width: '32px',
    cell: (group) => (
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon aria-label={`Actions for ${group.name}`}>
            <IconDots size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item component={Link} to={paths.deviceGroup(group.id)}>
            Choose devices
          </Menu.Item>
          <Menu.Item onClick={() => onPick('rename', group)}>Rename…</Menu.Item>
          <Menu.Divider />
          <Menu.Item onClick={() => onPick('delete', group)}>Delete…</Menu.Item>
        </Menu.Dropdown>
      </Menu>
    ),
  },
];

const Count = ({ of }: { of: number }) => <span className={of === 0 ? 'dim' : ''}>{countText(of)}</span>;
