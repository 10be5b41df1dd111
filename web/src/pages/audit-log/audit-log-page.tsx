import { Button, Drawer, Group, SegmentedControl } from '@mantine/core';
import { IconFileText, IconShieldCheck } from '@tabler/icons-react';
import { type AuditEvent, auditEvents, auditEventsList } from '@valtronics/contract';
import { useMemo, useState } from 'react';
import { useMe } from '../../api/session.ts';
import { useEndpointPages } from '../../api/use-endpoint.ts';
import { FilterSelect } from '../../ui/filter-select.tsx';
import { PageHeader } from '../../ui/page.tsx';
import { SearchField } from '../../ui/search-field.tsx';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { DataTable } from '../../ui/table/data-table.tsx';
import { MomentField } from '../../ui/time/moment-field.tsx';
import { useSearchState } from '../../ui/use-search-state.ts';
import { auditColumns } from './audit-columns.tsx';
import { AuditEventDrawer } from './audit-event-drawer.tsx';
import { auditFilter, noFilter } from './audit-filter.ts';
import { outcomeWords } from './audit-words.ts';
import { CheckpointPanel } from './checkpoint-panel.tsx';
import { ExportMenu } from './export-menu.tsx';

const options = Object.entries(auditEvents).map(([value, text]) => ({ value, label: text }));
/** What is not signed yet is within this time. */
const signedWithinMs = 5_000;

export function AuditLogPage() {
  const { get, set } = useSearchState();
  const { operatesInstance } = useMe().organisation;
  const of = operatesInstance && get('of') === 'instance' ? ('instance' as const) : undefined;
  const filter = auditFilter(get);
  const filters = { of, ...filter };
  const [waits, setWaits] = useState(false);
  const list = useEndpointPages(
    auditEventsList,
    { query: { ...filters, limit: 100 } },
    waits ? { refetchInterval: signedWithinMs } : {},
  );
  const isWaiting = list.rows.some(({ proof }) => proof.status !== 'signed');
  if (isWaiting !== waits) setWaits(isWaiting);
  const [opened, setOpened] = useState<AuditEvent | null>(null);
  // As it is by now: its proof may have come since it was opened.
  const shown = opened && (list.rows.find(({ id }) => id === opened.id) ?? opened);
  const [checkpointShown, setCheckpointShown] = useState(false);
  const columns = useMemo(() => auditColumns(setOpened), []);
  const narrowed = Object.keys(noFilter).some((key) => get(key) !== undefined);
  return (
    <>
      <PageHeader
        title="Audit log"
        detail={
          of === 'instance'
            ? 'What was done to the instance itself and belongs to no organisation, newest first; nothing in it can be changed or deleted'
            : 'Who did what, newest first; nothing in it can be changed or deleted'
        }
        actions={
          operatesInstance ? (
            <SegmentedControl
              size="xs"
              aria-label="Which log"
              value={of ?? 'organisation'}
              data={[
                { value: 'organisation', label: 'This organisation' },
                { value: 'instance', label: 'The instance' },
              ]}
              // What was asked of one log is seldom in the other.
              onChange={(next) => set({ ...noFilter, of: next === 'instance' ? next : null }, { replace: false })}
            />
          ) : undefined
        }
      />
      <Group gap="xs" mb="sm" align="flex-end">
        <FilterSelect
          label="Event"
          width={230}
          searchable
          value={filter.event}
          options={options}
          onChange={(event) => set({ event })}
        />
        <FilterSelect
          label="Outcome"
          width={120}
          value={filter.outcome}
          options={Object.entries(outcomeWords).map(([value, label]) => ({ value, label }))}
          onChange={(outcome) => set({ outcome })}
        />
        <SearchField
          label="Actor id"
          width={170}
          value={filter.actorId}
          onChange={(actor) => set({ actor: actor.trim() })}
        />
        <SearchField
          label="Resource id"
          width={170}
          value={filter.resourceId}
          onChange={(resource) => set({ resource: resource.trim() })}
        />
        <SearchField
          label="Address"
          width={150}
          value={get('address')}
          onChange={(address) => set({ address: address.trim() })}
        />
        <MomentField label="From" value={filter.from} onChange={(from) => set({ from })} />
        <MomentField label="To" value={filter.to} onChange={(to) => set({ to })} />
        <Group gap="xs" ml="auto">
          <Button
            variant="default"
            leftSection={<IconShieldCheck size={14} />}
            onClick={() => setCheckpointShown(true)}
          >
            Checkpoint
          </Button>
          <ExportMenu filters={filters} isEmpty={list.rows.length === 0} />
        </Group>
      </Group>
      {list.error ? (
        <ErrorState problem={list.error} onRetry={list.refetch} />
      ) : (
        <DataTable
          label="Audit log"
          columns={columns}
          rows={list.rows}
          rowHeight={44}
          loading={list.isPending}
          onRowClick={setOpened}
          onEndReached={list.hasNextPage && !list.isFetchingNextPage ? list.fetchNextPage : undefined}
          empty={
            <EmptyState
              icon={<IconFileText size={20} />}
              title={narrowed ? 'Nothing matches' : 'Nothing has happened yet'}
              hint="Every change, sign-in and refusal stands here, with who, when and from where."
              action={
                narrowed ? (
                  <Button variant="default" onClick={() => set(noFilter)}>
                    Clear the filters
                  </Button>
                ) : undefined
              }
            />
          }
        />
      )}
      <Drawer
        opened={checkpointShown}
        onClose={() => setCheckpointShown(false)}
        position="right"
        size={520}
        title="The newest checkpoint"
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        <CheckpointPanel of={of} />
      </Drawer>
      <AuditEventDrawer
        event={shown}
        onClose={() => setOpened(null)}
        onFilter={(changes) => {
          set({ ...noFilter, ...changes }, { replace: false });
          setOpened(null);
        }}
      />
    </>
  );
}
