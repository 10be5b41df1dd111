import { Group } from '@mantine/core';
import { IconRobot, IconUserPlus, IconUsers } from '@tabler/icons-react';
import { type User, userInvite, usersList } from '@valtronics/contract';
import { useState } from 'react';
import { useMe, useRefusal } from '../../api/session.ts';
import { useEndpointPages } from '../../api/use-endpoint.ts';
import { factorWords } from '../../identity/factor-words.ts';
import { FilterSelect } from '../../ui/filter-select.tsx';
import { humanName } from '../../ui/format-value.ts';
import { GuardedButton } from '../../ui/guarded.tsx';
import { PageHeader } from '../../ui/page.tsx';
import { SearchField } from '../../ui/search-field.tsx';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { type Column, DataTable } from '../../ui/table/data-table.tsx';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { Unreadable } from '../../ui/unreadable.tsx';
import { oneOf, useSearchState } from '../../ui/use-search-state.ts';
import { groupsText, useDeviceGroups } from '../device-groups/use-device-groups.ts';
import { InviteDialog } from './invite-dialog.tsx';
import classes from './people.module.css';
import { PeopleTabs } from './people-tabs.tsx';
import { type PersonAction, PersonActions, PersonDialog } from './person-actions.tsx';
import { useRoles } from './role-field.tsx';

const kinds = ['person', 'service'] as const;
const kindWords = { person: 'People', service: 'Service accounts' } as const;
const statusWords = { invited: 'Invited', active: 'Active', disabled: 'Disabled' } as const;

export function PeoplePage() {
  const { get, set } = useSearchState();
  const me = useMe();
  const names = useRoles().map(({ name }) => name);
  const filters = { text: get('text'), role: oneOf(names, get('role')), kind: oneOf(kinds, get('kind')) };
  const { groups } = useDeviceGroups();
  const list = useEndpointPages(usersList, { query: { ...filters, limit: 100 } });
  const refusal = useRefusal(userInvite);
  const [dialog, setDialog] = useState<{ action: PersonAction; person: User } | null>(null);
  const invite = (
    <GuardedButton
      refusal={refusal}
      leftSection={<IconUserPlus size={14} />}
      onClick={() => set({ invite: '1' }, { replace: false })}
    >
      Invite
    </GuardedButton>
  );
  const columns: readonly Column<User>[] = [
    {
      key: 'name',
      header: 'Name',
      width: 'minmax(130px, 1.4fr)',
      cell: ({ id, name, email, kind, unreadable }) => (
        <>
          {kind === 'service' ? (
            <IconRobot size={14} stroke={1.7} role="img" aria-label="Service account" className={classes.kind} />
          ) : null}
          {unreadable.includes('name') ? <Unreadable /> : <b>{name ?? email}</b>}
          {id === me.id ? <span className="dim"> you</span> : null}
        </>
      ),
    },
    {
      key: 'email',
      header: 'Email',
      width: 'minmax(140px, 1.6fr)',
      from: 620,
      cell: ({ kind, email, unreadable }) => {
        if (kind === 'service') return <span className="dim">a service account</span>;
        return unreadable.includes('email') ? <Unreadable /> : email;
      },
    },
    { key: 'role', header: 'Role', width: '84px', cell: ({ role }) => humanName(role) },
    {
      key: 'status',
      header: 'Status',
      width: '84px',
      from: 420,
      cell: ({ status }) => <span className={status === 'active' ? '' : 'dim'}>{statusWords[status]}</span>,
    },
    {
      key: 'factors',
      header: 'Second factor',
      width: '150px',
      from: 900,
      cell: ({ kind, factors }) =>
        factors.length > 0 ? (
          factors.map((factor) => factorWords[factor]).join(', ')
        ) : (
          <span className="dim">{kind === 'service' ? '–' : 'none'}</span>
        ),
    },
    {
      key: 'devices',
      header: 'Sees',
      width: 'minmax(90px, 0.9fr)',
      from: 700,
      cell: ({ deviceScope, deviceGroupIds }) =>
        deviceScope === 'all' ? (
          <span className="dim">every device</span>
        ) : (
          <span title={groupsText(deviceGroupIds, groups)}>{groupsText(deviceGroupIds, groups)}</span>
        ),
    },
    {
      key: 'seen',
      header: 'Last sign-in',
      width: '96px',
      from: 760,
      align: 'right',
      cell: ({ kind, lastSignInAt }) => <RelativeTime at={lastSignInAt} never={kind === 'service' ? '–' : 'never'} />,
    },
    {
      key: 'actions',
      header: 'Actions',
      headerHidden: true,
      width: '32px',
      cell: (person) => (
        <PersonActions person={person} myId={me.id} onPick={(action) => setDialog({ action, person })} />
      ),
    },
  ];
  return (
    <>
      <PageHeader title="People" detail="Who may sign in, and as what" actions={invite} />
      <PeopleTabs value="people" />
      <Group gap="xs" mb="sm">
        <SearchField
          label="Search people"
          finds="Name or address (over 500: whole)"
          width={290}
          value={filters.text}
          onChange={(text) => set({ text })}
        />
        <FilterSelect
          label="Role"
          value={filters.role}
          options={names.map((name) => ({ value: name, label: humanName(name) }))}
          onChange={(role) => set({ role })}
        />
        <FilterSelect
          label="Kind"
          width={175}
          value={filters.kind}
          options={kinds.map((kind) => ({ value: kind, label: kindWords[kind] }))}
          onChange={(kind) => set({ kind })}
        />
      </Group>
      {list.error ? (
        <ErrorState problem={list.error} onRetry={list.refetch} />
      ) : (
        <DataTable
          label="People"
          columns={columns}
          rows={list.rows}
          loading={list.isPending}
          onEndReached={list.hasNextPage && !list.isFetchingNextPage ? list.fetchNextPage : undefined}
          empty={
            <EmptyState
              icon={<IconUsers size={20} />}
              title="Nobody matches"
              hint={
                filters.text
                  ? 'Where there are more than 500 accounts, only a whole name or address finds somebody.'
                  : 'People of the organisation stand here. An invitation is a link that is good once.'
              }
              action={invite}
            />
          }
        />
      )}
      {get('invite') && !refusal ? <InviteDialog onClose={() => set({ invite: null })} /> : null}
      {dialog ? <PersonDialog {...dialog} onClose={() => setDialog(null)} /> : null}
    </>
  );
}
