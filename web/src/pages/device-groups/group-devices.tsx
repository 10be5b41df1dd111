import { Button, Group, SegmentedControl } from '@mantine/core';
import { IconChecks, IconCpu } from '@tabler/icons-react';
import { type Device, type DeviceGroupWithDevices, devicesList, devicesSummary } from '@valtronics/contract';
import { Link } from 'react-router';
import { useMay, useRefusal } from '../../api/session.ts';
import { useEndpoint, useEndpointPages } from '../../api/use-endpoint.ts';
import { FilterSelect } from '../../ui/filter-select.tsx';
import { humanName } from '../../ui/format-value.ts';
import { paths } from '../../ui/paths.ts';
import { SearchField } from '../../ui/search-field.tsx';
import { DeviceStatusLabel } from '../../ui/severity.tsx';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { type Column, DataTable } from '../../ui/table/data-table.tsx';
import { useSearchState } from '../../ui/use-search-state.ts';
import { GroupChangeBar } from './group-change-bar.tsx';
import { useGroupChoice } from './use-group-choice.ts';

/** Chooses the devices of a group out of however many there are. */
export function GroupDevices({ group, isLeaving }: { group: DeviceGroupWithDevices; isLeaving: boolean }) {
  const { get, set } = useSearchState();
  const refusal = useRefusal(devicesList);
  const seesSerials = useMay('device:write');
  const onlyInside = get('show') === 'inside';
  const filters = { type: get('type'), location: get('location'), text: get('text') };
  const asked = { ...filters, sort: 'name' as const, ...(onlyInside ? { groupId: group.id } : {}) };
  const enabled = refusal === undefined && !isLeaving;
  const list = useEndpointPages(devicesList, { query: { ...asked, limit: 200 } }, { enabled });
  const { data: summary } = useEndpoint(devicesSummary, {}, { staleTime: 30_000, enabled });
  const choice = useGroupChoice(group);
  const filtered = Boolean(filters.type || filters.location || filters.text);
  const clear = () => set({ type: null, location: null, text: null });

  if (refusal) return <EmptyState icon={<IconCpu size={20} />} title="Devices are not open to you" hint={refusal} />;
  return (
    <>
      <Group gap="xs" mb="sm">
        <SegmentedControl
          size="xs"
          aria-label="Which devices are shown"
          value={onlyInside ? 'inside' : 'all'}
          data={[
            { value: 'all', label: 'All devices' },
            { value: 'inside', label: 'In the group' },
          ]}
          onChange={(show) => set({ show: show === 'inside' ? show : null })}
        />
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
          label="Location"
          searchable
          value={filters.location}
          options={(summary?.locations ?? []).map((location) => ({ value: location, label: location }))}
          onChange={(location) => set({ location })}
        />
        <Button
          variant="default"
          ml="auto"
          leftSection={<IconChecks size={14} />}
          loading={choice.isCollecting}
          disabled={list.rows.length === 0}
          onClick={() => void choice.addAll(asked)}
        >
          {filtered ? 'Choose all that match' : 'Choose all'}
        </Button>
      </Group>
      {list.error ? (
        <ErrorState problem={list.error} onRetry={list.refetch} />
      ) : (
        <DataTable
          label="Devices"
          columns={columns}
          rows={list.rows}
          loading={list.isPending}
          selection={{
            ids: choice.chosen,
            onChange: choice.set,
            nameOf: (id) => list.rows.find((row) => row.id === id)?.name ?? id,
          }}
          onRowClick={({ id }) => choice.toggle(id)}
          onEndReached={list.hasNextPage && !list.isFetchingNextPage ? list.fetchNextPage : undefined}
          empty={
            filtered ? (
              <EmptyState
                icon={<IconCpu size={20} />}
                title="No device matches"
                hint="Every device that fits the filters will stand here, to be put into the group."
                action={
                  <Button variant="default" onClick={clear}>
                    Clear the filters
                  </Button>
                }
              />
            ) : onlyInside ? (
              <EmptyState
                icon={<IconCpu size={20} />}
                title="No device is in the group"
                hint="Who is limited to it sees nothing but what they own, or what another group of theirs holds."
                action={<Button onClick={() => set({ show: null })}>Show all devices</Button>}
              />
            ) : (
              <EmptyState
                icon={<IconCpu size={20} />}
                title="No devices yet"
                hint="Every device of the organisation will stand here, to be put into the group."
                action={
                  <Button component={Link} to={paths.devices}>
                    Go to the devices
                  </Button>
                }
              />
            )
          }
        />
      )}
      <GroupChangeBar choice={choice} isLeaving={isLeaving} />
    </>
  );
}

const columns: readonly Column<Device>[] = [
  { key: 'name', header: 'Device', width: 'minmax(120px, 1.6fr)', cell: ({ name }) => <b>{name}</b> },
  { key: 'type', header: 'Type', width: 'minmax(90px, 1fr)', from: 420, cell: ({ type }) => humanName(type) },
  {
    key: 'location',
    header: 'Location',
    width: 'minmax(100px, 1fr)',
    from: 560,
    cell: ({ location }) => location ?? <span className="dim">–</span>,
  },
  { key: 'status', header: 'Status', width: '112px', cell: ({ status }) => <DeviceStatusLabel status={status} /> },
];
