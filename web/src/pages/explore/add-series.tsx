import { Group, Select } from '@mantine/core';
import { telemetryMetrics } from '@valtronics/contract';
import { useState } from 'react';
import { useEndpoint } from '../../api/use-endpoint.ts';
import { DevicePicker } from '../devices/device-picker.tsx';
import type { SeriesKey } from './explore-state.ts';

interface Props {
  full: boolean;
  chosen: readonly SeriesKey[];
  onAdd: (series: SeriesKey) => void;
}

/** A device, then one of its metrics: choosing the metric adds the curve. */
export function AddSeries({ full, chosen, onAdd }: Props) {
  const [device, setDevice] = useState<{ id: string; name: string } | null>(null);
  const { data, isFetching } = useEndpoint(
    telemetryMetrics,
    { query: { deviceId: device?.id, limit: 500 } },
    { enabled: device !== null },
  );
  const metrics = (data?.items ?? []).filter(({ valueType }) => valueType !== 'string');
  const taken = new Set(chosen.filter(({ deviceId }) => deviceId === device?.id).map(({ metric }) => metric));
  return (
    <Group gap="xs">
      <DevicePicker
        label="Device"
        placeholder="Choose a device"
        value={device?.id ?? null}
        name={device?.name}
        onChange={setDevice}
      />
      <Select
        key={`${device?.id} ${chosen.length}`}
        size="xs"
        w={190}
        aria-label="Metric to add"
        placeholder={full ? 'Eight are the most' : device ? 'Add a metric' : 'then a metric'}
        disabled={!device || full}
        data={metrics.map(({ metric, unit }) => ({
          value: metric,
          label: unit ? `${metric} (${unit})` : metric,
          disabled: taken.has(metric),
        }))}
        nothingFoundMessage={isFetching ? 'Loading…' : 'It has sent no numbers yet'}
        searchable
        onChange={(metric) => {
          if (metric && device) onAdd({ deviceId: device.id, metric });
        }}
        comboboxProps={{ shadow: 'md' }}
      />
    </Group>
  );
}
