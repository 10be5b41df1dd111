import { Button, Group } from '@mantine/core';
import { IconDownload, IconPlus, IconShieldCheck } from '@tabler/icons-react';
import { type Incident, incidentOpen, incidentSeverities, incidentsList } from '@valtronics/contract';
import { useNavigate } from 'react-router';
import { useRefusal } from '../../api/session.ts';
import { useEndpointPages } from '../../api/use-endpoint.ts';
import { downloadCsv, toCsv } from '../../ui/csv.ts';
import { FilterSelect } from '../../ui/filter-select.tsx';
import { GuardedButton } from '../../ui/guarded.tsx';
import { PageHeader } from '../../ui/page.tsx';
import { paths } from '../../ui/paths.ts';
import { SearchField } from '../../ui/search-field.tsx';
import { incidentSeverityWord } from '../../ui/severity.tsx';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { DataTable } from '../../ui/table/data-table.tsx';
import { oneOf, useSearchState } from '../../ui/use-search-state.ts';
import { incidentColumns } from './incident-columns.tsx';
import { IncidentFigures } from './incident-figures.tsx';
import { NewIncidentDialog } from './new-incident-dialog.tsx';
import { incidentPollMs, useIncidentNews } from './use-incident-news.ts';

const statuses = ['unresolved', 'open', 'acknowledged', 'contained', 'resolved', 'all'] as const;
const statusWords = {
  unresolved: 'Not resolved',
  open: 'Open',
  acknowledged: 'Acknowledged',
  contained: 'Contained',
  resolved: 'Resolved',
} as const;
const owners = ['me', 'none'] as const;
const breaches = ['running', 'flagged'] as const;
const noFilter = { severity: null, owner: null, breach: null, subject: null, from: null, resolvedFrom: null };

export function IncidentsPage() {
  useIncidentNews();
  const { get, set } = useSearchState();
  const navigate = useNavigate();
  // What needs someone comes first; everything there ever was is one choice away.
  const status = oneOf(statuses, get('status')) ?? 'unresolved';
  const filters = {
    severity: oneOf(incidentSeverities, get('severity')),
    owner: oneOf(owners, get('owner')),
    breach: oneOf(breaches, get('breach')),
    subject: get('subject'),
    from: get('from'),
    resolvedFrom: get('resolvedFrom'),
  };
  const byStatus = status === 'unresolved' ? { open: 'true' as const } : status === 'all' ? {} : { status };
  const list = useEndpointPages(
    incidentsList,
    { query: { ...filters, ...byStatus, limit: 100 } },
    { refetchInterval: incidentPollMs },
  );
  const refusal = useRefusal(incidentOpen);
  const narrowed = Object.values(filters).some(Boolean);
  const add = (
    <GuardedButton
      variant="default"
      refusal={refusal}
      leftSection={<IconPlus size={14} />}
      onClick={() => set({ new: '1' }, { replace: false })}
    >
      Open an incident
    </GuardedButton>
  );
  return (
    <>
      <PageHeader
        title="Incidents"
        detail="What was detected and belongs together, and who deals with it"
        actions={add}
      />
      <IncidentFigures />
      <Group gap="xs" mb="sm" mt="lg">
        <FilterSelect
          label="Status"
          value={status === 'all' ? undefined : status}
          options={Object.entries(statusWords).map(([value, label]) => ({ value, label }))}
          onChange={(next) => set({ status: next === 'unresolved' ? null : (next ?? 'all') })}
        />
        <FilterSelect
          label="Severity"
          width={130}
          value={filters.severity}
          options={incidentSeverities.map((value) => ({ value, label: incidentSeverityWord(value) }))}
          onChange={(severity) => set({ severity })}
        />
        <FilterSelect
          label="Owner"
          width={130}
          value={filters.owner}
          options={[
            { value: 'me', label: 'Mine' },
            { value: 'none', label: 'Nobody’s' },
          ]}
          onChange={(owner) => set({ owner })}
        />
        <FilterSelect
          label="Breach"
          width={170}
          value={filters.breach}
          options={[
            { value: 'running', label: 'Breach, clock runs' },
            { value: 'flagged', label: 'Flagged as a breach' },
          ]}
          onChange={(breach) => set({ breach })}
        />
        <SearchField
          label="Address, person or device id"
          width={220}
          value={filters.subject}
          onChange={(subject) => set({ subject: subject.trim() })}
        />
        {filters.from || filters.resolvedFrom ? (
          <Button variant="default" onClick={() => set({ from: null, resolvedFrom: null })}>
            Of a span only ×
          </Button>
        ) : null}
        <Button
          ml="auto"
          variant="default"
          leftSection={<IconDownload size={14} />}
          disabled={list.rows.length === 0}
          onClick={() => downloadCsv('incidents', incidentsCsv(list.rows))}
        >
          CSV
        </Button>
      </Group>
      {list.error ? (
        <ErrorState problem={list.error} onRetry={list.refetch} />
      ) : (
        <DataTable
          label="Incidents"
          columns={incidentColumns}
          rows={list.rows}
          rowHeight={44}
          loading={list.isPending}
          onRowClick={({ id }) => void navigate(paths.incident(id))}
          onEndReached={list.hasNextPage && !list.isFetchingNextPage ? list.fetchNextPage : undefined}
          empty={
            narrowed || status !== 'unresolved' ? (
              <EmptyState
                icon={<IconShieldCheck size={20} />}
                title={narrowed || status !== 'all' ? 'No incident matches' : 'No incidents yet'}
                hint="Every incident that fits the filters will stand here."
                action={
                  <Button variant="default" onClick={() => set({ status: null, ...noFilter })}>
                    Show what is not resolved
                  </Button>
                }
              />
            ) : (
              <EmptyState
                icon={<IconShieldCheck size={20} />}
                title="Nothing to deal with"
                hint="What scenarios detect will stand here as it becomes an incident; what you learn elsewhere is opened by hand."
                action={
                  <Group gap="xs" justify="center">
                    {add}
                    <Button variant="default" onClick={() => set({ status: 'all' })}>
                      Show past incidents
                    </Button>
                  </Group>
                }
              />
            )
          }
        />
      )}
      {get('new') && !refusal ? (
        <NewIncidentDialog
          onOpened={({ id }) => void navigate(paths.incident(id))}
          onClose={() => set({ new: null })}
        />
      ) : null}
    </>
  );
}

const incidentsCsv = (rows: readonly Incident[]) =>
  toCsv(
    [
      'id',
      'severity',
      'status',
      'title',
      'subject_scope',
      'subject',
      'detections',
      'events',
      'owner',
      'opened_at',
      'acknowledged_at',
      'contained_at',
      'resolved_at',
      'seconds_to_acknowledge',
      'seconds_to_resolve',
      'breach_due_at',
      'breach_notified_at',
    ],
    rows.map((row) => [
      row.id,
      row.severity,
      row.status,
      row.title,
      row.subject?.scope,
      row.subject?.value,
      row.detections,
      row.events,
      row.owner?.label,
      row.openedAt,
      row.acknowledgedAt,
      row.containedAt,
      row.resolvedAt,
      row.secondsToAcknowledge,
      row.secondsToResolve,
      row.breach?.dueAt,
      row.breach?.notifiedAt,
    ]),
  );
