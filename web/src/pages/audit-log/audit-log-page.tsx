import { Button, Drawer, Group, Menu, UnstyledButton } from '@mantine/core';
import { IconDownload, IconFileText, IconShieldCheck } from '@tabler/icons-react';
import { type AuditEvent, auditEvents, auditEventsExport, auditEventsList } from '@valtronics/contract';
import { useState } from 'react';
import type { z } from 'zod';
import { useChange, useEndpointPages } from '../../api/use-endpoint.ts';
import { download } from '../../ui/download.ts';
import { FilterSelect } from '../../ui/filter-select.tsx';
import { PageHeader } from '../../ui/page.tsx';
import { SearchField } from '../../ui/search-field.tsx';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { type Column, DataTable } from '../../ui/table/data-table.tsx';
import { dayAndMinute, exactTime } from '../../ui/time/format-time.ts';
import { MomentField } from '../../ui/time/moment-field.tsx';
import { sayProblem } from '../../ui/toasts.tsx';
import { useSearchState } from '../../ui/use-search-state.ts';
import { AuditEventDrawer, actorName, eventText } from './audit-event-drawer.tsx';
import classes from './audit-log.module.css';
import { CheckpointPanel } from './checkpoint-panel.tsx';
import { ProofBadge } from './proof-status.tsx';

const options = Object.entries(auditEvents).map(([value, text]) => ({ value, label: text }));

export function AuditLogPage() {
  const { get, set } = useSearchState();
  const filters = {
    of: get('of') === 'instance' ? ('instance' as const) : undefined,
    event: get('event'),
    actorId: get('actor'),
    resourceId: get('resource'),
    address: get('address'),
    from: get('from'),
    to: get('to'),
  };
  const list = useEndpointPages(auditEventsList, { query: { ...filters, limit: 100 } });
  const [shown, setShown] = useState<AuditEvent | null>(null);
  const [checkpointShown, setCheckpointShown] = useState(false);
  const filtered = Object.values(filters).some(Boolean);
  const clear = () => set({ of: null, event: null, actor: null, resource: null, address: null, from: null, to: null });
  return (
    <>
      <PageHeader title="Audit log" detail="Who did what, newest first; nothing in it can be changed or deleted" />
      <Group gap="xs" mb="sm" align="flex-end">
        <FilterSelect
          label="Event"
          width={230}
          searchable
          value={filters.event}
          options={options}
          onChange={(event) => set({ event })}
        />
        <SearchField
          label="Actor id"
          width={170}
          value={filters.actorId}
          onChange={(actor) => set({ actor: actor.trim() })}
        />
        <SearchField
          label="Resource id"
          width={170}
          value={filters.resourceId}
          onChange={(resource) => set({ resource: resource.trim() })}
        />
        <SearchField
          label="Address"
          width={150}
          value={filters.address}
          onChange={(address) => set({ address: address.trim() })}
        />
        <MomentField label="From" value={filters.from} onChange={(from) => set({ from })} />
        <MomentField label="To" value={filters.to} onChange={(to) => set({ to })} />
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
          columns={columns(setShown)}
          rows={list.rows}
          rowHeight={36}
          loading={list.isPending}
          onRowClick={setShown}
          onEndReached={list.hasNextPage && !list.isFetchingNextPage ? list.fetchNextPage : undefined}
          empty={
            <EmptyState
              icon={<IconFileText size={20} />}
              title={filtered ? 'Nothing matches' : 'Nothing has happened yet'}
              hint="Every change, sign-in and refusal stands here, with who, when and from where."
              action={
                filtered ? (
                  <Button variant="default" onClick={clear}>
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
        <CheckpointPanel />
      </Drawer>
      <AuditEventDrawer
        event={shown}
        onClose={() => setShown(null)}
        onFilter={(changes) => {
          set(changes, { replace: false });
          setShown(null);
        }}
      />
    </>
  );
}

type Filters = Omit<z.input<typeof auditEventsExport.body>, 'format'>;

/** The whole result as a file, not only what was scrolled to; that it was exported is recorded. */
function ExportMenu({ filters, isEmpty }: { filters: Filters; isEmpty: boolean }) {
  const exporting = useChange(auditEventsExport, ['/audit-events']);
  const save = (format: 'jsonl' | 'csv') => {
    const given = Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== undefined));
    exporting.mutate(
      { body: { ...given, format } },
      {
        onSuccess: (text) =>
          download(`audit-log.${format}`, text, format === 'csv' ? 'text/csv' : 'application/x-ndjson'),
        onError: (problem) => sayProblem(problem),
      },
    );
  };
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button
          variant="default"
          leftSection={<IconDownload size={14} />}
          disabled={isEmpty}
          title={isEmpty ? 'There is nothing to export' : 'At most 100,000 events; the export is recorded'}
          loading={exporting.isPending}
        >
          Export
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => save('jsonl')}>JSON, one event a line</Menu.Item>
        <Menu.Item onClick={() => save('csv')}>CSV</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

const columns = (show: (event: AuditEvent) => void): readonly Column<AuditEvent>[] => [
  {
    key: 'at',
    header: 'When',
    width: '132px',
    cell: ({ at }) => <time title={exactTime(at)}>{dayAndMinute(at)}</time>,
  },
  {
    key: 'actor',
    header: 'Who',
    width: 'minmax(110px, 1fr)',
    from: 480,
    cell: ({ actor }) => actorName(actor),
  },
  {
    key: 'event',
    header: 'What',
    width: 'minmax(150px, 1.6fr)',
    cell: (event) => (
      <UnstyledButton className={classes.what} data-row-link onClick={() => show(event)}>
        {eventText(event)}
      </UnstyledButton>
    ),
  },
  {
    key: 'outcome',
    header: 'Outcome',
    width: '72px',
    from: 640,
    cell: ({ outcome }) => <span className={outcome === 'success' ? 'dim' : classes.failure}>{outcome}</span>,
  },
  {
    key: 'resource',
    header: 'On',
    width: 'minmax(120px, 1fr)',
    from: 900,
    cell: ({ resource }) =>
      resource ? (
        <>
          {resource.kind.replaceAll('_', ' ')} <span className="dim mono">…{resource.id.slice(-8)}</span>
        </>
      ) : (
        <span className="dim">–</span>
      ),
  },
  {
    key: 'proof',
    header: 'Proof',
    width: '84px',
    from: 560,
    cell: ({ proof }) => <ProofBadge proof={proof} />,
  },
  {
    key: 'address',
    header: 'Address',
    width: '128px',
    from: 760,
    cell: ({ address }) => <span className="dim mono">{address ?? '–'}</span>,
  },
];
