import { Group } from '@mantine/core';
import { IconPlus, IconTicket, IconTicketOff } from '@tabler/icons-react';
import { claimRevoke, claimsCreate, claimsList, type DeviceClaim, devicesSummary } from '@valtronics/contract';
import { useState } from 'react';
import { useRefusal } from '../../api/session.ts';
import { useEndpoint } from '../../api/use-endpoint.ts';
import { Copyable } from '../../ui/copyable.tsx';
import { FilterSelect } from '../../ui/filter-select.tsx';
import { countText, humanName } from '../../ui/format-value.ts';
import { GuardedButton } from '../../ui/guarded.tsx';
import { BackTo, PageHeader } from '../../ui/page.tsx';
import { paths } from '../../ui/paths.ts';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { type Column, DataTable } from '../../ui/table/data-table.tsx';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { useSearchState } from '../../ui/use-search-state.ts';
import { MakeClaimsDialog } from './make-claims-dialog.tsx';
import { WithdrawClaimsDialog } from './withdraw-claims-dialog.tsx';

/** What the server lists at most; there can be more. */
const listedAtMost = 1000;

const columns: readonly Column<DeviceClaim>[] = [
  { key: 'prefix', header: 'Names begin with', width: 'minmax(120px, 1.4fr)', cell: ({ namePrefix }) => namePrefix },
  {
    key: 'type',
    header: 'Type',
    width: 'minmax(90px, 1fr)',
    from: 520,
    cell: ({ deviceType }) => humanName(deviceType),
  },
  {
    key: 'id',
    header: 'Claim',
    width: '120px',
    from: 680,
    cell: ({ id }) => <Copyable value={id} label="Copy the id of the claim" shorten />,
  },
  {
    key: 'made',
    header: 'Made',
    width: '96px',
    from: 420,
    align: 'right',
    cell: ({ createdAt }) => <RelativeTime at={createdAt} />,
  },
  {
    key: 'ends',
    header: 'Ends',
    width: '96px',
    align: 'right',
    cell: ({ expiresAt }) => <RelativeTime at={expiresAt} />,
  },
];

/** Claims: what lets devices enrol by themselves, each good for one. */
export function ClaimsPage() {
  const { get, set } = useSearchState();
  // Devices use them up meanwhile.
  const { data, error, isPending, refetch } = useEndpoint(claimsList, {}, { refetchInterval: 15_000 });
  const { data: summary } = useEndpoint(devicesSummary, {}, { staleTime: 30_000 });
  const refusal = useRefusal(claimsCreate);
  const withdrawRefusal = useRefusal(claimRevoke);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [withdrawing, setWithdrawing] = useState<readonly DeviceClaim[] | null>(null);
  const type = get('type');
  const all = data?.items ?? [];
  const rows = type === undefined ? all : all.filter(({ deviceType }) => deviceType === type);
  const chosen = rows.filter(({ id }) => selected.has(id));
  const types = [...new Set(all.map(({ deviceType }) => deviceType))].toSorted();
  const make = (
    <GuardedButton
      refusal={refusal}
      leftSection={<IconPlus size={14} />}
      onClick={() => set({ new: '1' }, { replace: false })}
    >
      New claims
    </GuardedButton>
  );
  return (
    <>
      <PageHeader
        before={<BackTo path={paths.devices}>Devices</BackTo>}
        title="Claims"
        detail={
          all.length >= listedAtMost
            ? `The newest ${countText(listedAtMost)} that can still be used`
            : 'Each lets one device enrol by itself, once'
        }
        actions={make}
      />
      {all.length > 0 ? (
        <Group gap="xs" mb="sm">
          <FilterSelect
            label="Type"
            value={type}
            options={types.map((each) => ({ value: each, label: humanName(each) }))}
            onChange={(next) => set({ type: next })}
          />
          {chosen.length > 0 ? (
            <GuardedButton
              ml="auto"
              variant="default"
              refusal={withdrawRefusal}
              leftSection={<IconTicketOff size={14} />}
              onClick={() => setWithdrawing(chosen)}
            >
              Withdraw {chosen.length}
            </GuardedButton>
          ) : null}
        </Group>
      ) : null}
      {error && !data ? (
        <ErrorState problem={error} onRetry={() => void refetch()} />
      ) : (
        <DataTable
          label="Claims"
          columns={columns}
          rows={rows}
          loading={isPending}
          selection={{
            ids: selected,
            onChange: setSelected,
            nameOf: (id) => `the claim ${id.slice(-8)}`,
          }}
          empty={
            <EmptyState
              icon={<IconTicket size={20} />}
              title="No open claim"
              hint="For devices by the hundred: each gets a claim on the production line and trades it for its own identity and certificate. Nobody registers them one by one."
              action={make}
            />
          }
        />
      )}
      {get('new') && !refusal ? (
        <MakeClaimsDialog types={summary?.byType.map((each) => each.type) ?? []} onClose={() => set({ new: null })} />
      ) : null}
      {withdrawing ? (
        <WithdrawClaimsDialog
          claims={withdrawing}
          onWithdrawn={(id) => setSelected((before) => new Set([...before].filter((other) => other !== id)))}
          onClose={() => setWithdrawing(null)}
        />
      ) : null}
    </>
  );
}
