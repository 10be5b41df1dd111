import { Button, Group } from '@mantine/core';
import { IconCpu, IconDownload, IconPlus, IconTicket, IconTrash } from '@tabler/icons-react';
import {
  claimsCreate,
  type Device,
  deviceDelete,
  deviceRegister,
  deviceStatus,
  devicesList,
  devicesSummary,
} from '@valtronics/contract';
import { useMemo, useState } from 'react';
import { useNavigate } from 'react-router';
import { useMay, useRefusal } from '../../api/session.ts';
import { useEndpoint, useEndpointPages } from '../../api/use-endpoint.ts';
import { latestValues } from '../../live/latest-values.ts';
import { downloadCsv, toCsv } from '../../ui/csv.ts';
import { FilterSelect } from '../../ui/filter-select.tsx';
import { countText, humanName } from '../../ui/format-value.ts';
import { GuardedButton } from '../../ui/guarded.tsx';
import { PageHeader } from '../../ui/page.tsx';
import { paths } from '../../ui/paths.ts';
import { SearchField } from '../../ui/search-field.tsx';
import { deviceStatusWord } from '../../ui/severity.tsx';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { DataTable } from '../../ui/table/data-table.tsx';
import { oneOf, useSearchState } from '../../ui/use-search-state.ts';
import { DeleteDevicesDialog } from './delete-devices-dialog.tsx';
import { deviceColumns } from './device-columns.tsx';
import { RegisterDeviceDialog } from './register-device-dialog.tsx';
import { useFleetLive } from './use-fleet-live.ts';

const sorts = ['name', '-name', 'lastSeenAt', '-lastSeenAt', 'createdAt', '-createdAt'] as const;

export function DevicesPage() {
  const { get, set } = useSearchState();
  const filters = {
    type: get('type'),
    status: oneOf(deviceStatus.options, get('status')),
    location: get('location'),
    text: get('text'),
    sort: oneOf(sorts, get('sort')) ?? ('name' as const),
  };
  const { rows, error, isPending, hasNextPage, isFetchingNextPage, fetchNextPage, refetch } = useEndpointPages(
    devicesList,
    { query: { ...filters, limit: 200 } },
  );
  const { data: summary } = useEndpoint(devicesSummary, {}, { staleTime: 30_000 });
  const { onVisible, hours } = useFleetLive();
  const columns = useMemo(() => deviceColumns(hours), [hours]);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [deleting, setDeleting] = useState(false);
  const navigate = useNavigate();
  const registerRefusal = useRefusal(deviceRegister);
  const claimsRefusal = useRefusal(claimsCreate);
  const deleteRefusal = useRefusal(deviceDelete);
  const seesSerials = useMay('device:write');
  const filtered = Boolean(filters.type || filters.status || filters.location || filters.text);
  const chosen = rows.filter(({ id }) => selected.has(id));
  const registerButton = (
    <GuardedButton
      refusal={registerRefusal}
      leftSection={<IconPlus size={14} />}
      onClick={() => set({ register: '1' }, { replace: false })}
    >
      Register device
    </GuardedButton>
  );
  return (
    <>
      <PageHeader
        title="Devices"
        detail={
          summary ? `${countText(summary.total)} registered, ${countText(summary.byStatus.online ?? 0)} online` : ' '
        }
        actions={
          <>
            <GuardedButton
              variant="default"
              refusal={claimsRefusal}
              leftSection={<IconTicket size={14} />}
              onClick={() => void navigate(paths.claims)}
            >
              Provision many…
            </GuardedButton>
            {registerButton}
          </>
        }
      />
      <Group gap="xs" mb="sm">
        <SearchField
          label="Search devices"
          finds={seesSerials ? 'Name, location, whole serial number' : 'Name, location, description'}
          value={filters.text}
          onChange={(text) => set({ text })}
        />
        <FilterSelect
          label="Type"
          value={filters.type}
          options={(summary?.byType ?? []).map(({ type }) => ({ value: type, label: humanName(type) }))}
          onChange={(type) => set({ type })}
        />
        <FilterSelect
          label="Status"
          value={filters.status}
          options={deviceStatus.options.map((status) => ({ value: status, label: deviceStatusWord(status) }))}
          onChange={(status) => set({ status })}
        />
        <FilterSelect
          label="Location"
          searchable
          value={filters.location}
          options={(summary?.locations ?? []).map((location) => ({ value: location, label: location }))}
          onChange={(location) => set({ location })}
        />
        <Group gap="xs" ml="auto">
          {chosen.length > 0 ? (
            <GuardedButton
              variant="default"
              refusal={deleteRefusal}
              leftSection={<IconTrash size={14} />}
              onClick={() => setDeleting(true)}
            >
              Delete {chosen.length}
            </GuardedButton>
          ) : null}
          <Button
            variant="default"
            leftSection={<IconDownload size={14} />}
            disabled={rows.length === 0}
            onClick={() => downloadCsv('devices', devicesCsv(rows))}
          >
            CSV
          </Button>
        </Group>
      </Group>
      {error ? (
        <ErrorState problem={error} onRetry={refetch} />
      ) : (
        <DataTable
          label="Devices"
          columns={columns}
          rows={rows}
          total={filtered ? undefined : summary?.total}
          loading={isPending}
          sort={{ value: filters.sort, onChange: (sort) => set({ sort: sort === 'name' ? null : sort }) }}
          selection={{
            ids: selected,
            onChange: setSelected,
            nameOf: (id) => rows.find((row) => row.id === id)?.name ?? id,
          }}
          onVisible={onVisible}
          onEndReached={hasNextPage && !isFetchingNextPage ? fetchNextPage : undefined}
          empty={
            filtered ? (
              <EmptyState
                icon={<IconCpu size={20} />}
                title="No device matches"
                hint="Every device that fits the filters will stand here."
                action={
                  <Button
                    variant="default"
                    onClick={() => set({ type: null, status: null, location: null, text: null })}
                  >
                    Clear the filters
                  </Button>
                }
              />
            ) : (
              <EmptyState
                icon={<IconCpu size={20} />}
                title="No devices yet"
                hint="Each device with its status, last value and curve will stand here. Registering one gives you the token it signs in with."
                action={registerButton}
              />
            )
          }
        />
      )}
      {get('register') && !registerRefusal ? (
        <RegisterDeviceDialog
          types={summary?.byType.map(({ type }) => type) ?? []}
          onClose={() => set({ register: null })}
        />
      ) : null}
      {deleting && chosen.length > 0 ? (
        <DeleteDevicesDialog
          devices={chosen}
          onDeleted={(id) => setSelected((before) => new Set([...before].filter((other) => other !== id)))}
          onClose={() => setDeleting(false)}
        />
      ) : null}
    </>
  );
}

function devicesCsv(rows: readonly Device[]): string {
  const header = ['id', 'name', 'type', 'status', 'location', 'serial', 'last_seen_at', 'last_values'];
  return toCsv(
    header,
    rows.map((row) => [
      row.id,
      row.name,
      row.type,
      row.status,
      row.location,
      row.serial,
      row.lastSeenAt,
      (latestValues.readings(row.id) ?? [])
        .map(({ metric, value, unit }) => `${metric}=${value}${unit ? ` ${unit}` : ''}`)
        .join('; '),
    ]),
  );
}
