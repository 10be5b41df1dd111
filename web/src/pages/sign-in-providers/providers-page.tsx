import { IconLogin2, IconPlus } from '@tabler/icons-react';
import {
  type IdentityProvider,
  identityProviderCreate,
  identityProviderDelete,
  identityProvidersList,
} from '@valtronics/contract';
import { useState } from 'react';
import { Link, useNavigate } from 'react-router';
import { useRefusal } from '../../api/session.ts';
import { useEndpoint } from '../../api/use-endpoint.ts';
import { GuardedButton } from '../../ui/guarded.tsx';
import { PageHeader } from '../../ui/page.tsx';
import { paths } from '../../ui/paths.ts';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { type Column, DataTable } from '../../ui/table/data-table.tsx';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { DeleteProviderDialog } from './delete-provider-dialog.tsx';
import { ProviderState } from './provider-state.tsx';

/** As many as the server takes. */
const most = 20;

export function ProvidersPage() {
  const { data, error, isPending, refetch } = useEndpoint(identityProvidersList, {});
  const navigate = useNavigate();
  const mayNot = useRefusal(identityProviderCreate);
  const removeRefusal = useRefusal(identityProviderDelete);
  const [deleting, setDeleting] = useState<IdentityProvider | null>(null);
  const rows = data?.items ?? [];
  const add = (
    <GuardedButton
      refusal={mayNot ?? (rows.length >= most ? `An organisation has at most ${most} providers` : undefined)}
      leftSection={<IconPlus size={14} />}
      onClick={() => void navigate(paths.newProvider)}
    >
      Add provider
    </GuardedButton>
  );
  const columns: readonly Column<IdentityProvider>[] = [
    {
      key: 'name',
      header: 'Name',
      width: 'minmax(120px, 1fr)',
      cell: ({ id, name }) => (
        <Link to={paths.provider(id)} className="truncate">
          {name}
        </Link>
      ),
    },
    { key: 'state', header: 'State', width: '84px', cell: (provider) => <ProviderState provider={provider} /> },
    {
      key: 'issuer',
      header: 'Issuer',
      width: 'minmax(160px, 1.8fr)',
      from: 560,
      cell: ({ issuer }) => <span title={issuer}>{issuer}</span>,
    },
    {
      key: 'listed',
      header: 'On the sign-in page',
      width: '136px',
      from: 760,
      cell: ({ listed }) => (listed ? 'shown' : <span className="dim">not shown</span>),
    },
    {
      key: 'accounts',
      header: 'New accounts',
      width: '110px',
      from: 900,
      cell: ({ jitEnabled }) => (jitEnabled ? 'makes them' : <span className="dim">links only</span>),
    },
    {
      key: 'added',
      header: 'Added',
      width: '88px',
      from: 1000,
      align: 'right',
      cell: ({ createdAt }) => <RelativeTime at={createdAt} />,
    },
    {
      key: 'delete',
      header: 'Delete',
      headerHidden: true,
      width: '72px',
      from: 420,
      cell: (provider) => (
        <GuardedButton
          size="compact-xs"
          variant="default"
          refusal={removeRefusal}
          aria-label={`Delete ${provider.name}`}
          onClick={() => setDeleting(provider)}
        >
          Delete
        </GuardedButton>
      ),
    },
  ];
  return (
    <>
      <PageHeader
        title="Sign-in providers"
        detail="Other systems that vouch for your people (OpenID Connect)"
        actions={add}
      />
      {error && !data ? (
        <ErrorState problem={error} onRetry={() => void refetch()} />
      ) : (
        <DataTable
          label="Sign-in providers"
          columns={columns}
          rows={rows}
          loading={isPending}
          empty={
            <EmptyState
              icon={<IconLogin2 size={20} />}
              title="Everybody signs in here"
              hint="Add Keycloak, Entra ID, Okta, Google or any other OpenID provider, and people sign in with the account they have at work. Who gets in and as what stays decided here."
              action={add}
            />
          }
        />
      )}
      {deleting ? <DeleteProviderDialog provider={deleting} onClose={() => setDeleting(null)} /> : null}
    </>
  );
}
