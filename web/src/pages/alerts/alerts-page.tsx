import { Button, Group } from '@mantine/core';
import { IconBellOff, IconDownload } from '@tabler/icons-react';
import { type Alert, alertStatus, alertsList, deviceGet, severity } from '@valtronics/contract';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { useEndpoint, useEndpointPages } from '../../api/use-endpoint.ts';
import { downloadCsv, toCsv } from '../../ui/csv.ts';
import { FilterSelect } from '../../ui/filter-select.tsx';
import { PageHeader } from '../../ui/page.tsx';
import { paths } from '../../ui/paths.ts';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { DataTable } from '../../ui/table/data-table.tsx';
import { oneOf, useSearchState } from '../../ui/use-search-state.ts';
import { DevicePicker } from '../devices/device-picker.tsx';
import { AlertActions } from './alert-actions.tsx';
import { alertColumns } from './alert-columns.tsx';
import { AlertDrawer } from './alert-drawer.tsx';

const words = {
  open: 'Open',
  active: 'Active',
  acknowledged: 'Acknowledged',
  resolved: 'Resolved',
} as const;
const choices = ['open', ...alertStatus.options, 'all'] as const;
const severityWords = { info: 'Info', warning: 'Warning', critical: 'Critical' } as const;

export function AlertsPage() {
  const { get, set } = useSearchState();
  const navigate = useNavigate();
  // What needs someone comes first; everything there ever was is one choice away.
  const status = oneOf(choices, get('status')) ?? 'open';
  const filters = {
    severity: oneOf(severity.options, get('severity')),
    deviceId: get('device'),
    ruleId: get('rule'),
    ...(status === 'open' ? { open: 'true' as const } : status === 'all' ? {} : { status }),
  };
  const list = useEndpointPages(alertsList, { query: { ...filters, limit: 100 } });
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const chosen = list.rows.filter(({ id }) => selected.has(id));
  const narrowed = Boolean(filters.severity || filters.deviceId || filters.ruleId);
  const filtered = narrowed || (status !== 'open' && status !== 'all');
  const open = (id: string | null) => set({ alert: id }, { replace: false });
  const deviceName = useDeviceName(filters.deviceId, list.rows);
  return (
    <>
      <PageHeader title="Alerts" detail="Newest first; changes appear by themselves" />
      <Group gap="xs" mb="sm">
        <FilterSelect
          label="Status"
          value={status === 'all' ? undefined : status}
          options={Object.entries(words).map(([value, label]) => ({ value, label }))}
          onChange={(next) => set({ status: next === 'open' ? null : (next ?? 'all') })}
        />
        <FilterSelect
          label="Severity"
          value={filters.severity}
          options={severity.options.map((value) => ({ value, label: severityWords[value] }))}
          onChange={(next) => set({ severity: next })}
        />
        <DevicePicker
          label="Device"
          value={filters.deviceId ?? null}
          name={deviceName}
          onChange={(device) => set({ device: device?.id })}
        />
        {filters.ruleId ? (
          <Button variant="default" onClick={() => set({ rule: null })}>
            One rule only ×
          </Button>
        ) : null}
        <Group gap="xs" ml="auto">
          {chosen.length > 0 ? <AlertActions alerts={chosen} onDone={() => setSelected(new Set())} /> : null}
          <Button
            variant="default"
            leftSection={<IconDownload size={14} />}
            disabled={list.rows.length === 0}
            onClick={() => downloadCsv('alerts', alertsCsv(list.rows))}
          >
            CSV
          </Button>
        </Group>
      </Group>
      {list.error ? (
        <ErrorState problem={list.error} onRetry={list.refetch} />
      ) : (
        <DataTable
          label="Alerts"
          columns={alertColumns(open)}
          rows={list.rows}
          rowHeight={44}
          loading={list.isPending}
          selection={{
            ids: selected,
            onChange: setSelected,
            nameOf: (id) => list.rows.find((row) => row.id === id)?.title ?? id,
          }}
          onRowClick={({ id }) => open(id)}
          onEndReached={list.hasNextPage && !list.isFetchingNextPage ? list.fetchNextPage : undefined}
          empty={
            filtered ? (
              <EmptyState
                icon={<IconBellOff size={20} />}
                title="No alert matches"
                hint="Every alert that fits the filters will stand here."
                action={
                  <Button
                    variant="default"
                    onClick={() => set({ status: 'all', severity: null, device: null, rule: null })}
                  >
                    Show all alerts
                  </Button>
                }
              />
            ) : status === 'open' ? (
              <EmptyState
                icon={<IconBellOff size={20} />}
                title="Nothing is wrong"
                hint="Alerts that wait for someone will stand here as they are raised."
                action={
                  <Button variant="default" onClick={() => set({ status: 'all' })}>
                    Show past alerts
                  </Button>
                }
              />
            ) : (
              <EmptyState
                icon={<IconBellOff size={20} />}
                title="No alerts yet"
                hint="When a rule finds its condition met, the alert will stand here with its whole history."
                action={
                  <Button variant="default" onClick={() => void navigate(paths.rules)}>
                    See the rules
                  </Button>
                }
              />
            )
          }
        />
      )}
      <AlertDrawer id={get('alert')} onClose={() => open(null)} />
    </>
  );
}

function useDeviceName(id: string | undefined, rows: readonly Alert[]): string | undefined {
  const known = rows.find(({ deviceId }) => deviceId === id)?.deviceName;
  const { data } = useEndpoint(deviceGet, { params: { id: id ?? '' } }, { enabled: id !== undefined && !known });
  return known ?? data?.name;
}

const alertsCsv = (rows: readonly Alert[]) =>
  toCsv(
    [
      'id',
      'severity',
      'status',
      'title',
      'device',
      'device_id',
      'metric',
      'value',
      'peak',
      'threshold',
      'started_at',
      'raised_at',
      'acknowledged_at',
      'acknowledged_by',
      'resolved_at',
      'resolved_by',
    ],
    rows.map((row) => [
      row.id,
      row.severity,
      row.status,
      row.title,
      row.deviceName,
      row.deviceId,
      row.metric,
      row.value,
      row.peak,
      row.threshold,
      row.startedAt,
      row.raisedAt,
      row.acknowledgedAt,
      row.acknowledgedBy,
      row.resolvedAt,
      row.resolvedBy,
    ]),
  );
