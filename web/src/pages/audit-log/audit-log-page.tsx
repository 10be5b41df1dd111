import { Button, Group, TextInput, UnstyledButton } from '@mantine/core';
import { IconDownload, IconFileText } from '@tabler/icons-react';
import { type AuditEvent, auditEvents, auditEventsList } from '@valtronics/contract';
import { useState } from 'react';
import { useEndpointPages } from '../../api/use-endpoint.ts';
import { downloadCsv, toCsv } from '../../ui/csv.ts';
import { FilterSelect } from '../../ui/filter-select.tsx';
import { PageHeader } from '../../ui/page.tsx';
import { SearchField } from '../../ui/search-field.tsx';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { type Column, DataTable } from '../../ui/table/data-table.tsx';
import { dayAndMinute, exactTime } from '../../ui/time/format-time.ts';
import { useSearchState } from '../../ui/use-search-state.ts';
import { AuditEventDrawer, actorName, eventText } from './audit-event-drawer.tsx';
import classes from './audit-log.module.css';

const options = Object.entries(auditEvents).map(([value, text]) => ({ value, label: text }));

export function AuditLogPage() {
  const { get, set } = useSearchState();
  const filters = {
    event: get('event'),
    actorId: get('actor'),
    resourceId: get('resource'),
    from: get('from'),
    to: get('to'),
  };
  const list = useEndpointPages(auditEventsList, { query: { ...filters, limit: 100 } });
  const [shown, setShown] = useState<AuditEvent | null>(null);
  const filtered = Object.values(filters).some(Boolean);
  const clear = () => set({ event: null, actor: null, resource: null, from: null, to: null });
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
        <Moment label="From" value={filters.from} onChange={(from) => set({ from })} />
        <Moment label="To" value={filters.to} onChange={(to) => set({ to })} />
        <Group gap="xs" ml="auto">
          <Button
            variant="default"
            leftSection={<IconDownload size={14} />}
            disabled={list.rows.length === 0}
            onClick={() => downloadCsv('audit-log', auditCsv(list.rows))}
          >
            CSV
          </Button>
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

interface MomentProps {
  label: string;
  value: string | undefined;
  onChange: (at: string | null) => void;
}

/** A local date and time; the address holds it as RFC 3339. */
function Moment({ label, value, onChange }: MomentProps) {
  const at = Date.parse(value ?? '');
  return (
    <TextInput
      size="xs"
      w={190}
      type="datetime-local"
      aria-label={`${label}, in your time zone`}
      value={Number.isFinite(at) ? dayAndMinute(at).replace(' ', 'T') : ''}
      leftSection={<span className={classes.moment}>{label}</span>}
      leftSectionWidth={44}
      onChange={(event) => {
        const next = Date.parse(event.currentTarget.value);
        onChange(Number.isFinite(next) ? new Date(next).toISOString() : null);
      }}
    />
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
    key: 'address',
    header: 'Address',
    width: '128px',
    from: 760,
    cell: ({ address }) => <span className="dim mono">{address ?? '–'}</span>,
  },
];

const auditCsv = (rows: readonly AuditEvent[]) =>
  toCsv(
    [
      'at',
      'event',
      'outcome',
      'actor_kind',
      'actor_id',
      'actor',
      'resource_kind',
      'resource_id',
      'address',
      'request_id',
      'details',
    ],
    rows.map((row) => [
      row.at,
      row.event,
      row.outcome,
      row.actor.kind,
      row.actor.id,
      row.actor.label,
      row.resource?.kind,
      row.resource?.id,
      row.address,
      row.requestId,
      JSON.stringify(row.details),
    ]),
  );
