import { Anchor, Button, Group } from '@mantine/core';
import { IconRadar } from '@tabler/icons-react';
import { type DetectionBody, detectionScenariosList, detectionsList, incidentSeverities } from '@valtronics/contract';
import { Link } from 'react-router';
import { useEndpoint, useEndpointPages } from '../../api/use-endpoint.ts';
import { FilterSelect } from '../../ui/filter-select.tsx';
import { countText } from '../../ui/format-value.ts';
import { PageHeader } from '../../ui/page.tsx';
import { paths } from '../../ui/paths.ts';
import { SearchField } from '../../ui/search-field.tsx';
import { IncidentSeverityBadge, incidentSeverityWord } from '../../ui/severity.tsx';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { type Column, DataTable } from '../../ui/table/data-table.tsx';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { oneOf, useSearchState } from '../../ui/use-search-state.ts';
import { subjectText } from '../incidents/incident-words.ts';
import classes from './security-events.module.css';
import { SecurityTabs } from './security-tabs.tsx';

const pollMs = 10_000;

export function DetectionsPage() {
  const { get, set } = useSearchState();
  const scenarios = useEndpoint(detectionScenariosList, {}, { staleTime: 60_000 }).data?.items ?? [];
  const filter = {
    scenario: get('scenario'),
    severity: oneOf(incidentSeverities, get('severity')),
    subject: get('subject'),
    from: get('from'),
    to: get('to'),
  };
  const list = useEndpointPages(detectionsList, { query: { ...filter, limit: 100 } }, { refetchInterval: pollMs });
  const narrowed = Object.values(filter).some(Boolean);
  return (
    <>
      <PageHeader title="Detections" detail="What scenarios concluded from security events, newest first" />
      <SecurityTabs value="detections" />
      <Group gap="xs" mb="sm">
        <FilterSelect
          label="Scenario"
          width={230}
          searchable
          value={filter.scenario}
          options={scenarios.map(({ id, name }) => ({ value: id, label: name }))}
          onChange={(scenario) => set({ scenario })}
        />
        <FilterSelect
          label="Severity"
          width={130}
          value={filter.severity}
          options={incidentSeverities.map((value) => ({ value, label: incidentSeverityWord(value) }))}
          onChange={(severity) => set({ severity })}
        />
        <SearchField
          label="Address, person or device id"
          width={220}
          value={filter.subject}
          onChange={(subject) => set({ subject: subject.trim() })}
        />
        {filter.from || filter.to ? (
          <Button variant="default" onClick={() => set({ from: null, to: null })}>
            Of a span only ×
          </Button>
        ) : null}
      </Group>
      {list.error ? (
        <ErrorState problem={list.error} onRetry={list.refetch} />
      ) : (
        <DataTable
          label="Detections"
          columns={columns}
          rows={list.rows}
          rowHeight={44}
          loading={list.isPending}
          onEndReached={list.hasNextPage && !list.isFetchingNextPage ? list.fetchNextPage : undefined}
          empty={
            <EmptyState
              icon={<IconRadar size={20} />}
              title={narrowed ? 'No detection matches' : 'Nothing was detected yet'}
              hint="When the events of a scenario come together, what it concludes stands here, with the events that led to it."
              action={
                narrowed ? (
                  <Button
                    variant="default"
                    onClick={() => set({ scenario: null, severity: null, subject: null, from: null, to: null })}
                  >
                    Show every detection
                  </Button>
                ) : undefined
              }
            />
          }
        />
      )}
    </>
  );
}

const columns: readonly Column<DetectionBody>[] = [
  {
    key: 'severity',
    header: 'Severity',
    width: '92px',
    cell: ({ severity, simulated }) => <IncidentSeverityBadge severity={severity} muted={simulated} />,
  },
  {
    key: 'name',
    header: 'Detection',
    width: 'minmax(110px, 1.4fr)',
    cell: ({ id, name, subject, simulated }) => (
      <span className={classes.two}>
        <Link to={paths.securityEventsOf({ detectionId: id })} className={classes.name ?? ''} data-row-link>
          {name}
        </Link>
        <span className="truncate">
          {simulated ? 'Tried out, nothing followed. ' : ''}
          {subjectText(subject)}
        </span>
      </span>
    ),
  },
  {
    key: 'events',
    header: 'Events',
    width: '76px',
    from: 480,
    align: 'right',
    cell: ({ id, count }) => (
      <Anchor component={Link} to={paths.securityEventsOf({ detectionId: id })} size="sm">
        {countText(count)}
      </Anchor>
    ),
  },
  {
    key: 'technique',
    header: 'ATT&CK',
    width: '92px',
    from: 760,
    cell: ({ technique }) => <span className="dim mono">{technique ?? '–'}</span>,
  },
  {
    key: 'followed',
    header: 'Followed',
    width: 'minmax(150px, 0.8fr)',
    from: 900,
    cell: ({ simulated, answeredAt, subject }) =>
      simulated ? (
        <span className="dim">nothing: tried out</span>
      ) : answeredAt === null ? (
        <span className="dim">not answered yet</span>
      ) : (
        <Group gap={8} wrap="nowrap">
          <Anchor component={Link} to={paths.blocksOf(subject.value)} size="sm">
            Blocks
          </Anchor>
          <Anchor component={Link} to={paths.incidentsAbout(subject.value)} size="sm">
            Incidents
          </Anchor>
        </Group>
      ),
  },
  {
    key: 'at',
    header: 'When',
    width: '88px',
    align: 'right',
    cell: ({ at }) => <RelativeTime at={at} />,
  },
];
