import { Button, Group } from '@mantine/core';
import { IconBan, IconDownload, IconPlus } from '@tabler/icons-react';
import { type Block, blockCreate, blockScopes, blocksList } from '@valtronics/contract';
import { useMemo, useState } from 'react';
import { useMe, useRefusal } from '../../api/session.ts';
import { useEndpointPages } from '../../api/use-endpoint.ts';
import { downloadCsv, toCsv } from '../../ui/csv.ts';
import { FilterSelect } from '../../ui/filter-select.tsx';
import { GuardedButton } from '../../ui/guarded.tsx';
import { PageHeader } from '../../ui/page.tsx';
import { SearchField } from '../../ui/search-field.tsx';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { DataTable } from '../../ui/table/data-table.tsx';
import { oneOf, useSearchState } from '../../ui/use-search-state.ts';
import { blockColumns } from './block-columns.tsx';
import { BlockDrawer } from './block-drawer.tsx';
import { BlockTabs } from './block-tabs.tsx';
import { scopeWords } from './block-words.ts';
import { LiftDialog } from './lift-dialog.tsx';
import { NewBlockDialog } from './new-block-dialog.tsx';

const pollMs = 5_000;
const states = ['in_force', 'ended', 'all'] as const;
const stateWords = { in_force: 'In force', ended: 'Ended' } as const;

export function BlocksPage() {
  const { get, set } = useSearchState();
  const { organisation } = useMe();
  const state = oneOf(states, get('state')) ?? 'in_force';
  const scope = oneOf(blockScopes, get('scope'));
  const value = get('value');
  const span = { from: get('from'), to: get('to') };
  const list = useEndpointPages(
    blocksList,
    { query: { state, scope, value, ...span, limit: 100 } },
    { refetchInterval: pollMs },
  );
  const refusal = useRefusal(blockCreate);
  const [shown, setShown] = useState<Block | null>(null);
  const [lifted, setLifted] = useState<Block | null>(null);
  const columns = useMemo(() => blockColumns({ onOpen: setShown, onLift: setLifted }), []);
  const narrowed = Boolean(scope || value || span.from || span.to);
  const add = (
    <GuardedButton
      variant="default"
      refusal={refusal}
      leftSection={<IconPlus size={14} />}
      onClick={() => set({ new: '1' }, { replace: false })}
    >
      Block somebody
    </GuardedButton>
  );
  return (
    <>
      <PageHeader
        title="Blocks"
        detail={
          organisation.operatesInstance
            ? 'Who is kept out, why and until when'
            : 'Which people and devices of this organisation are kept out; addresses are for whoever runs this instance'
        }
        actions={add}
      />
      <BlockTabs value="blocks" />
      <Group gap="xs" mb="sm">
        <FilterSelect
          label="State"
          value={state === 'all' ? undefined : state}
          options={Object.entries(stateWords).map(([each, label]) => ({ value: each, label }))}
          onChange={(next) => set({ state: next === 'in_force' ? null : (next ?? 'all') })}
        />
        <FilterSelect
          label="Scope"
          width={130}
          value={scope}
          options={blockScopes.map((each) => ({ value: each, label: scopeWords[each] }))}
          onChange={(next) => set({ scope: next })}
        />
        <SearchField
          label="Address, person or device id"
          width={220}
          value={value}
          onChange={(next) => set({ value: next.trim() })}
        />
        {span.from || span.to ? (
          <Button variant="default" onClick={() => set({ from: null, to: null })}>
            Of a span only ×
          </Button>
        ) : null}
        <Button
          ml="auto"
          variant="default"
          leftSection={<IconDownload size={14} />}
          disabled={list.rows.length === 0}
          onClick={() => downloadCsv('blocks', blocksCsv(list.rows))}
        >
          CSV
        </Button>
      </Group>
      {list.error ? (
        <ErrorState problem={list.error} onRetry={list.refetch} />
      ) : (
        <DataTable
          label="Blocks"
          columns={columns}
          rows={list.rows}
          rowHeight={52}
          loading={list.isPending}
          onRowClick={setShown}
          onEndReached={list.hasNextPage && !list.isFetchingNextPage ? list.fetchNextPage : undefined}
          empty={
            <EmptyState
              icon={<IconBan size={20} />}
              title={narrowed ? 'No block matches' : state === 'in_force' ? 'Nobody is kept out' : 'No blocks yet'}
              hint="Whoever guesses passwords or is caught attacking is kept out for a while, and stands here with why, until when and what led to it."
              action={
                <Group gap="xs">
                  {add}
                  {state === 'all' && !narrowed ? null : (
                    <Button
                      variant="default"
                      onClick={() => set({ state: 'all', scope: null, value: null, from: null, to: null })}
                    >
                      Show every block
                    </Button>
                  )}
                </Group>
              }
            />
          }
        />
      )}
      <BlockDrawer
        block={shown}
        onLift={(block) => {
          setShown(null);
          setLifted(block);
        }}
        onClose={() => setShown(null)}
      />
      {lifted ? <LiftDialog block={lifted} onClose={() => setLifted(null)} /> : null}
      {get('new') && !refusal ? <NewBlockDialog onClose={() => set({ new: null })} /> : null}
    </>
  );
}

const blocksCsv = (rows: readonly Block[]) =>
  toCsv(
    [
      'id',
      'scope',
      'value',
      'label',
      'kind',
      'state',
      'simulated',
      'origin',
      'scenario',
      'reason',
      'nth',
      'created_at',
      'created_by',
      'expires_at',
      'lifted_at',
      'lifted_by',
    ],
    rows.map((row) => [
      row.id,
      row.scope,
      row.value,
      row.label,
      row.kind,
      row.state,
      row.simulated,
      row.origin,
      row.scenario,
      row.reason,
      row.nth,
      row.createdAt,
      row.createdBy?.label,
      row.expiresAt,
      row.liftedAt,
      row.liftedBy?.label,
    ]),
  );
