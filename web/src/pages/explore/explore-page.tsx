import { Anchor, Button, CloseButton, Group, NativeSelect, Skeleton, Table } from '@mantine/core';
import { IconChartLine, IconDownload } from '@tabler/icons-react';
import { type Aggregation, aggregations } from '@valtronics/contract';
import { useMemo } from 'react';
import { Link } from 'react-router';
import type { Curve } from '../../ui/charts/chart-data.ts';
import { TimeChart } from '../../ui/charts/time-chart.tsx';
import { downloadCsv, toCsv } from '../../ui/csv.ts';
import { countText, formatValue } from '../../ui/format-value.ts';
import { PageHeader, Panel } from '../../ui/page.tsx';
import { paths } from '../../ui/paths.ts';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { useBounds } from '../../ui/time/use-bounds.ts';
import { useTimeRange, useZoom } from '../../ui/time/use-time-range.ts';
import { useSearchState } from '../../ui/use-search-state.ts';
import { useDeviceNames } from '../rules/use-device-names.ts';
import { AddSeries } from './add-series.tsx';
import classes from './explore.module.css';
import {
  type Explorable,
  explorable,
  parseAggregation,
  parseInterval,
  parseSeries,
  type SeriesKey,
  seriesAtMost,
  seriesText,
} from './explore-state.ts';
import { useExploreCurves } from './use-explore-curves.ts';

const intervalWords: Record<Explorable, string> = {
  auto: 'Automatic',
  raw: 'As sent',
  '1m': '1 minute',
  '5m': '5 minutes',
  '15m': '15 minutes',
  '1h': '1 hour',
  '1d': '1 day',
};
const aggregationWords: Record<Aggregation, string> = {
  avg: 'Average',
  min: 'Minimum',
  max: 'Maximum',
  sum: 'Sum',
  count: 'Count',
  p50: 'Median',
  p95: '95th percentile',
};

export function ExplorePage() {
  const { get, set } = useSearchState();
  const text = get('series');
  const series = useMemo(() => parseSeries(text), [text]);
  const interval = parseInterval(get('interval'));
  const aggregation = parseAggregation(get('aggregation'));
  const [range] = useTimeRange();
  const { zoomTo, zoomBack } = useZoom();
  const bounds = useBounds(range);
  const names = useDeviceNames(series.map(({ deviceId }) => deviceId));
  const { curves, isPending, error, refetch } = useExploreCurves({ series, names, ...bounds, interval, aggregation });
  const change = (next: readonly SeriesKey[]) => set({ series: seriesText(next) }, { replace: false });
  return (
    <>
      <PageHeader title="Explore" detail="Any metrics of any devices on one time axis" />
      <Group gap="xs" mb="sm" align="flex-start">
        <AddSeries
          full={series.length >= seriesAtMost}
          chosen={series}
          onAdd={(key) => change([...series, key].slice(0, seriesAtMost))}
        />
        <NativeSelect
          size="xs"
          aria-label="Interval"
          value={interval}
          data={explorable.map((value) => ({ value, label: intervalWords[value] }))}
          onChange={(event) =>
            set({ interval: event.currentTarget.value === 'auto' ? null : event.currentTarget.value })
          }
        />
        <NativeSelect
          size="xs"
          aria-label="Aggregation"
          value={aggregation}
          disabled={interval === 'raw'}
          data={aggregations.map((value) => ({ value, label: aggregationWords[value] }))}
          onChange={(event) =>
            set({ aggregation: event.currentTarget.value === 'avg' ? null : event.currentTarget.value })
          }
        />
        <Button
          ml="auto"
          variant="default"
          leftSection={<IconDownload size={14} />}
          disabled={curves.every(({ times }) => times.length === 0)}
          onClick={() => downloadCsv('explore', curvesCsv(series, curves))}
        >
          CSV
        </Button>
      </Group>
      {series.length === 0 ? (
        <Panel>
          <EmptyState
            icon={<IconChartLine size={20} />}
            title="Nothing chosen yet"
            hint="Choose a device and one of its metrics above; up to eight curves share the chart. The address holds all of it, so a link shows the same to someone else."
          />
        </Panel>
      ) : error && curves.every(({ times }) => times.length === 0) ? (
        <ErrorState problem={error} onRetry={refetch} />
      ) : (
        <Panel>
          {isPending ? (
            <Skeleton height={380} />
          ) : (
            <TimeChart
              label="Explore"
              curves={curves}
              from={bounds.from}
              to={bounds.to}
              height={360}
              onZoom={zoomTo}
              onReset={zoomBack}
            />
          )}
          <SeriesTable
            series={series}
            curves={curves}
            onRemove={(index) => change(series.filter((_, other) => other !== index))}
          />
        </Panel>
      )}
    </>
  );
}

interface TableProps {
  series: readonly SeriesKey[];
  curves: readonly Curve[];
  onRemove: (index: number) => void;
}

/** What is drawn, in figures. */
function SeriesTable({ series, curves, onRemove }: TableProps) {
  return (
    <div className={classes.scroll}>
      <Table mt="md" verticalSpacing={4} fz="sm" aria-label="Series shown">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Series</Table.Th>
            <Table.Th className={classes.number}>Values</Table.Th>
            <Table.Th className={classes.number}>Lowest</Table.Th>
            <Table.Th className={classes.number}>Mean</Table.Th>
            <Table.Th className={classes.number}>Highest</Table.Th>
            <Table.Th className={classes.number}>Last</Table.Th>
            <Table.Th>
              <span className={classes.hidden}>Remove</span>
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {curves.map((curve, index) => {
            const values = curve.values.filter((value) => value !== null);
            const mean = values.reduce((sum, value) => sum + value, 0) / (values.length || 1);
            const figure = (value: number | undefined) => (values.length === 0 ? '–' : formatValue(value, curve.unit));
            const low = values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
            const high = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
            return (
              <Table.Tr key={`${series[index]?.deviceId} ${series[index]?.metric}`}>
                <Table.Td>
                  <span
                    className={classes.swatch}
                    style={{ background: `var(--series-${curve.colour})` }}
                    aria-hidden
                  />
                  <Anchor component={Link} to={paths.device(series[index]?.deviceId ?? '')} size="sm" c="inherit">
                    {curve.label}
                  </Anchor>
                </Table.Td>
                <Table.Td className={classes.number}>{countText(values.length)}</Table.Td>
                <Table.Td className={classes.number}>{figure(low)}</Table.Td>
                <Table.Td className={classes.number}>{figure(mean)}</Table.Td>
                <Table.Td className={classes.number}>{figure(high)}</Table.Td>
                <Table.Td className={classes.number}>{figure(values.at(-1))}</Table.Td>
                <Table.Td w={40}>
                  <CloseButton size="sm" aria-label={`Remove ${curve.label}`} onClick={() => onRemove(index)} />
                </Table.Td>
              </Table.Tr>
            );
          })}
        </Table.Tbody>
      </Table>
    </div>
  );
}

function curvesCsv(series: readonly SeriesKey[], curves: readonly Curve[]): string {
  const rows = curves.flatMap((curve, index) =>
    curve.times.map((time, at) => [
      new Date(time * 1000).toISOString(),
      series[index]?.deviceId,
      curve.label.slice(0, -(series[index]?.metric.length ?? 0) - 1),
      series[index]?.metric,
      curve.unit,
      curve.values[at],
      curve.low?.[at],
      curve.high?.[at],
    ]),
  );
  return toCsv(['timestamp', 'device_id', 'device', 'metric', 'unit', 'value', 'min', 'max'], rows);
}
