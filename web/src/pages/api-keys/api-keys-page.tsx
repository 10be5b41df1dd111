import { Anchor, Button, Group } from '@mantine/core';
import { IconKey, IconPlus, IconRobot } from '@tabler/icons-react';
import { type ApiKey, apiKeyCreate, apiKeysList, serviceAccountCreate, userGet, usersList } from '@valtronics/contract';
import { useMemo, useState } from 'react';
import { Link } from 'react-router';
import { useRefusal } from '../../api/session.ts';
import { useEndpoint, useEndpointPages } from '../../api/use-endpoint.ts';
import { GuardedButton } from '../../ui/guarded.tsx';
import { PageHeader } from '../../ui/page.tsx';
import { paths } from '../../ui/paths.ts';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { DataTable } from '../../ui/table/data-table.tsx';
import { oneOf, useSearchState } from '../../ui/use-search-state.ts';
import { useDeviceGroups } from '../device-groups/use-device-groups.ts';
import { AccountPicker } from './account-picker.tsx';
import { keyColumns } from './key-columns.tsx';
import { KeyDetailsDialog } from './key-details-dialog.tsx';
import { NewKeyDialog } from './new-key-dialog.tsx';
import { RevokeKeyDialog } from './revoke-key-dialog.tsx';
import { ServiceAccountDialog } from './service-account-dialog.tsx';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function ApiKeysPage() {
  const { get, set } = useSearchState();
  const asked = get('ownerId')?.toLowerCase() ?? '';
  const ownerId = uuid.test(asked) ? asked : undefined;
  const list = useEndpointPages(apiKeysList, { query: { ownerId, limit: 100 } });
  const asksWhose = ownerId !== undefined;
  const { data: owner, isFetching: isOwnerComing } = useEndpoint(
    userGet,
    { params: { id: ownerId ?? '' } },
    { enabled: asksWhose },
  );
  const services = useEndpoint(usersList, { query: { kind: 'service', limit: 1 } }).data;
  const { groups } = useDeviceGroups();
  const [dialog, setDialog] = useState<{ kind: 'details' | 'revoke'; key: ApiKey } | null>(null);
  const columns = useMemo(
    () =>
      keyColumns({
        groups,
        onOpen: (key) => setDialog({ kind: 'details', key }),
        onRevoke: (key) => setDialog({ kind: 'revoke', key }),
      }),
    [groups],
  );
  const accountRefusal = useRefusal(serviceAccountCreate);
  const mayNotMake = useRefusal(apiKeyCreate);
  const withoutAccount = services?.items.length === 0 ? 'Create a service account first: a key is for one' : undefined;
  const keyRefusal = mayNotMake ?? withoutAccount;
  const opened = oneOf(['key', 'account'] as const, get('new'));
  const newAccount = (
    <GuardedButton
      variant={withoutAccount ? 'filled' : 'default'}
      refusal={accountRefusal}
      leftSection={<IconRobot size={14} />}
      onClick={() => set({ new: 'account' }, { replace: false })}
    >
      New service account
    </GuardedButton>
  );
  const newKey = (
    <GuardedButton
      variant={withoutAccount ? 'default' : 'filled'}
      refusal={keyRefusal}
      leftSection={<IconPlus size={14} />}
      onClick={() => set({ new: 'key' }, { replace: false })}
    >
      New key
    </GuardedButton>
  );
  return (
    <>
      <PageHeader
        title="API keys"
        detail={
          <>
            What programs sign in with; the accounts they act for stand{' '}
            <Anchor component={Link} to={`${paths.people}?kind=service`} size="sm" td="underline">
              among the people
            </Anchor>
          </>
        }
        actions={
          <>
            {newAccount}
            {newKey}
          </>
        }
      />
      <Group gap="xs" mb="sm">
        <AccountPicker
          label="Owner"
          value={ownerId ?? null}
          account={owner}
          nothingFound="No such account"
          width={240}
          clearable
          onChange={(account) => set({ ownerId: account?.id })}
        />
      </Group>
      {list.error ? (
        <ErrorState problem={list.error} onRetry={list.refetch} />
      ) : (
        <DataTable
          label="API keys"
          columns={columns}
          rows={list.rows}
          rowHeight={52}
          loading={list.isPending}
          onEndReached={list.hasNextPage && !list.isFetchingNextPage ? list.fetchNextPage : undefined}
          empty={
            ownerId ? (
              <EmptyState
                icon={<IconKey size={20} />}
                title={owner ? `${owner.name ?? owner.email} has no key` : 'No key of this account'}
                hint="A person makes their own keys on their account page; those of service accounts are made here."
                action={
                  <Group gap="xs">
                    <Button variant="default" onClick={() => set({ ownerId: null })}>
                      Show every key
                    </Button>
                    {owner?.kind === 'service' ? newKey : null}
                  </Group>
                }
              />
            ) : (
              <EmptyState
                icon={<IconKey size={20} />}
                title="No API keys yet"
                hint="A service account stands for a program: nobody can sign in to it, and it acts with the keys made for it, each with its own permissions, networks and end."
                action={withoutAccount ? newAccount : newKey}
              />
            )
          }
        />
      )}
      {opened === 'account' && !accountRefusal ? (
        <ServiceAccountDialog
          onMade={({ id }) => set({ new: 'key', ownerId: id })}
          onClose={() => set({ new: null })}
        />
      ) : null}
      {/* For the account whose keys are shown; until it is known which that is, there is nothing to choose. */}
      {opened === 'key' && !mayNotMake && !isOwnerComing ? (
        <NewKeyDialog
          whose={{ account: owner?.kind === 'service' ? owner : null }}
          onClose={() => set({ new: null })}
        />
      ) : null}
      {dialog?.kind === 'details' ? (
        <KeyDetailsDialog
          apiKey={dialog.key}
          onRevoke={() => setDialog({ kind: 'revoke', key: dialog.key })}
          onClose={() => setDialog(null)}
        />
      ) : null}
      {dialog?.kind === 'revoke' ? <RevokeKeyDialog apiKey={dialog.key} onClose={() => setDialog(null)} /> : null}
    </>
  );
}
