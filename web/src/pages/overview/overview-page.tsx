import { Group, SegmentedControl } from '@mantine/core';
import { IconCpu } from '@tabler/icons-react';
import { deviceRegister, devicesSummary } from '@valtronics/contract';
import { useMemo } from 'react';
import { useNavigate } from 'react-router';
import { useMay, useRefusal } from '../../api/session.ts';
import { useEndpoint } from '../../api/use-endpoint.ts';
import { countText } from '../../ui/format-value.ts';
import { GuardedButton } from '../../ui/guarded.tsx';
import { PageHeader } from '../../ui/page.tsx';
import { paths } from '../../ui/paths.ts';
import { SeverityBadge } from '../../ui/severity.tsx';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { type Column, DataTable } from '../../ui/table/data-table.tsx';
import { useSearchState } from '../../ui/use-search-state.ts';
import { deviceColumns } from '../devices/device-columns.tsx';
import { useFleetLive } from '../devices/use-fleet-live.ts';
import { DeviceCards } from './device-cards.tsx';
import { FleetFigures } from './fleet-figures.tsx';
import { type FleetRow, useFleetRows } from './use-fleet-rows.ts';

export function OverviewPage() {
  const { get, set } = useSearchState();
  const cards = get('view') === 'cards';
  const { data: summary, error: summaryError, refetch } = useEndpoint(devicesSummary, {}, { staleTime: 5000 });
  const { rows, isPending, error, loadMore, retry } = useFleetRows();
  const { onVisible, hours } = useFleetLive();
  const mayReadAlerts = useMay('alert:read');
  const navigate = useNavigate();
  const refusal = useRefusal(deviceRegister);
  const columns = useMemo(() => withAlert(deviceColumns(hours)), [hours]);
  if (summaryError && !summary) return <ErrorState problem={summaryError} onRetry={() => void refetch()} />;
  const empty = (
    <EmptyState
      icon={<IconCpu size={20} />}
      title="No devices yet"
      hint="The state of the whole fleet will stand here, problems first. Start with the first device."
      action={
        <GuardedButton refusal={refusal} onClick={() => void navigate(`${paths.devices}?register=1`)}>
          Register device
        </GuardedButton>
      }
    />
  );
  const problems = rows.filter(({ rank }) => rank < 9).length;
  return (
    <>
      <PageHeader title="Overview" />
      <FleetFigures summary={summary} withAlerts={mayReadAlerts} />
      <Group justify="space-between" mt="lg" mb="xs">
        <span className="dim">{isPending ? ' ' : lookText(problems)}</span>
        <SegmentedControl
          size="xs"
          aria-label="Show devices as"
          value={cards ? 'cards' : 'table'}
          onChange={(view) => set({ view: view === 'cards' ? view : null })}
          data={[
            { value: 'table', label: 'Table' },
            { value: 'cards', label: 'Cards' },
          ]}
        />
      </Group>
      {error ? (
        <ErrorState problem={error} onRetry={retry} />
      ) : cards ? (
        <DeviceCards
          rows={rows}
          loading={isPending}
          hours={hours}
          empty={empty}
          onVisible={onVisible}
          onEndReached={loadMore}
        />
      ) : (
        <DataTable
          label="Devices, problems first"
          columns={columns}
          rows={rows}
          total={summary?.total}
          loading={isPending}
          onVisible={onVisible}
          onEndReached={loadMore}
          empty={empty}
        />
      )}
    </>
  );
}

const withAlert = (columns: ReturnType<typeof deviceColumns>): readonly Column<FleetRow>[] => {
  const [name, status, ...rest] = columns.map(({ sort: _, ...column }) => column);
  const alert: Column<FleetRow> = {
    key: 'alert',
    header: 'Alerts',
    width: '112px',
    from: 680,
    cell: ({ worst, acknowledged }) =>
      worst ? <SeverityBadge severity={worst} muted={acknowledged} /> : <span className="dim">–</span>,
  };
  return [...(name ? [name] : []), ...(status ? [status] : []), alert, ...rest];
};

function lookText(problems: number): string {
  if (problems === 0) return 'All quiet';
  return problems === 1 ? '1 needs a look; it comes first' : `${countText(problems)} need a look; they come first`;
}
