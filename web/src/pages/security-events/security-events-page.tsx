import { Button, Group, Switch } from '@mantine/core';
import { IconDownload, IconRadar } from '@tabler/icons-react';
import {
  type SecurityEventBody,
  securityCategories,
  securityEventsList,
  securityLevels,
  securityRanges,
} from '@valtronics/contract';
import { useMemo, useState } from 'react';
import { useMe } from '../../api/session.ts';
import { useEndpointPages } from '../../api/use-endpoint.ts';
import { downloadCsv, toCsv } from '../../ui/csv.ts';
import { FilterSelect } from '../../ui/filter-select.tsx';
import { PageHeader } from '../../ui/page.tsx';
import { SearchField } from '../../ui/search-field.tsx';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { DataTable } from '../../ui/table/data-table.tsx';
import { MomentField } from '../../ui/time/moment-field.tsx';
import { oneOf, useSearchState } from '../../ui/use-search-state.ts';
import { eventColumns } from './event-columns.tsx';
import { EventDrawer } from './event-drawer.tsx';
import { EventFigures } from './event-figures.tsx';
import { eventFilter } from './event-filter.ts';
import { actionOptions, categoryWords, levelWords, outcomeWords } from './event-words.ts';
import { SecurityTabs } from './security-tabs.tsx';
import { useFollowedEvents } from './use-followed-events.ts';

const filterKeys = [
  'category',
  'action',
  'level',
  'outcome',
  'address',
  'userId',
  'deviceId',
  'detectionId',
  'from',
  'to',
] as const;
const noFilter = Object.fromEntries(filterKeys.map((key) => [key, null]));

export function SecurityEventsPage() {
  const { get, set } = useSearchState();
  const { organisation } = useMe();
  const filter = eventFilter(get);
  const list = useEndpointPages(securityEventsList, { query: { ...filter, limit: 100 } });
  const isClosed = filter.detectionId !== undefined || filter.to !== undefined;
  const follows = !isClosed && get('follow') !== '0';
  const heard = useFollowedEvents(filter, follows, list.refetch);
  const rows = useMemo(() => merged(heard, list.rows), [heard, list.rows]);
  const [shown, setShown] = useState<SecurityEventBody | null>(null);
  const columns = useMemo(() => eventColumns(setShown), []);
  const narrowed = filterKeys.some((key) => get(key) !== undefined);
  return (
    <>
      <PageHeader
        title="Security events"
        detail={
          organisation.operatesInstance
            ? 'What happened at every door, newest first; strangers’ events among them, since you run this instance'
            : 'What happened in this organisation, newest first; strangers’ events are seen by whoever runs this instance'
        }
      />
      <SecurityTabs value="events" />
      <EventFigures
        range={oneOf(securityRanges, get('range')) ?? '24h'}
        onRange={(range) => set({ range: range === '24h' ? null : range })}
      />
      <Group gap="xs" mb="sm" mt="lg">
        <FilterSelect
          label="Event"
          width={230}
          searchable
          value={filter.action}
          options={actionOptions}
          onChange={(action) => set({ action })}
        />
        <FilterSelect
          label="Category"
          value={filter.category}
          options={securityCategories.map((value) => ({ value, label: categoryWords[value] }))}
          onChange={(category) => set({ category })}
        />
        <FilterSelect
          label="Level"
          width={120}
          value={filter.level}
          options={securityLevels.map((value) => ({ value, label: levelWords[value] }))}
          onChange={(level) => set({ level })}
        />
        <FilterSelect
          label="Outcome"
          width={120}
          value={filter.outcome}
          options={Object.entries(outcomeWords).map(([value, label]) => ({ value, label }))}
          onChange={(outcome) => set({ outcome })}
        />
        <SearchField
          label="Address"
          width={160}
          value={get('address')}
          onChange={(address) => set({ address: address.trim() })}
        />
        <MomentField label="From" value={filter.from} onChange={(from) => set({ from })} />
        <MomentField label="To" value={filter.to} onChange={(to) => set({ to })} />
        {(['userId', 'deviceId', 'detectionId'] as const).map((key) =>
          filter[key] === undefined ? null : (
            <Button key={key} variant="default" onClick={() => set({ [key]: null })}>
              {onlyWords[key]} ×
            </Button>
          ),
        )}
        <Group gap="md" ml="auto">
          <Switch
            size="xs"
            label="Follow"
            checked={follows}
            disabled={isClosed}
            title={isClosed ? 'What ended before now does not grow' : undefined}
            onChange={(event) => set({ follow: event.currentTarget.checked ? null : '0' })}
          />
          <Button
            variant="default"
            leftSection={<IconDownload size={14} />}
            disabled={rows.length === 0}
            onClick={() => downloadCsv('security-events', eventsCsv(rows))}
          >
            CSV
          </Button>
        </Group>
      </Group>
      {list.error ? (
        <ErrorState problem={list.error} onRetry={list.refetch} />
      ) : (
        <DataTable
          label="Security events"
          columns={columns}
          rows={rows}
          rowHeight={44}
          loading={list.isPending}
          onRowClick={setShown}
          onEndReached={list.hasNextPage && !list.isFetchingNextPage ? list.fetchNextPage : undefined}
          empty={
            <EmptyState
              icon={<IconRadar size={20} />}
              title={narrowed ? 'No event matches' : 'Nothing has happened yet'}
              hint="Sign-ins, refusals, attacks and changes stand here as they happen, from every door: HTTP, MQTT, WebSocket and the command line."
              action={
                narrowed ? (
                  <Button variant="default" onClick={() => set(noFilter)}>
                    Show every event
                  </Button>
                ) : undefined
              }
            />
          }
        />
      )}
      <EventDrawer
        event={shown}
        onClose={() => setShown(null)}
        onFilter={(changes) => {
          set({ ...noFilter, ...changes }, { replace: false });
          setShown(null);
        }}
      />
    </>
  );
}

const onlyWords = {
  userId: 'One person only',
  deviceId: 'One device only',
  detectionId: 'One detection only',
} as const;

/** What is heard may have been read already. */
function merged(heard: readonly SecurityEventBody[], read: readonly SecurityEventBody[]): readonly SecurityEventBody[] {
  if (heard.length === 0) return read;
  const known = new Set(read.map(({ id }) => id));
  return [...heard.filter(({ id }) => !known.has(id)), ...read];
}

const eventsCsv = (rows: readonly SecurityEventBody[]) =>
  toCsv(
    [
      'id',
      'at',
      'category',
      'action',
      'outcome',
      'level',
      'count',
      'transport',
      'address',
      'user_id',
      'user',
      'device_id',
      'method',
      'route',
      'status',
      'request_id',
      'reason',
      'details',
    ],
    rows.map((row) => [
      row.id,
      row.at,
      row.category,
      row.action,
      row.outcome,
      row.level,
      row.count,
      row.transport,
      row.address,
      row.user?.id,
      row.user?.label,
      row.deviceId,
      row.http?.method,
      row.http?.route,
      row.http?.status,
      row.requestId,
      row.reason,
      JSON.stringify(row.details),
    ]),
  );
