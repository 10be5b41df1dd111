import type { LatestValue } from '@valtronics/contract';
import { useCallback, useSyncExternalStore } from 'react';
import type { LivePoint } from './live-provider.tsx';

export type Reading = Pick<LatestValue, 'metric' | 'unit' | 'timestamp' | 'value'>;

/** Rows redraw at most this often, however fast points arrive. */
const redrawEveryMs = 400;

/**
 * The newest value of every series on the screen, kept outside of React so that a thousand devices talking at once redraw only the
 * rows that are visible and did change.
 */
export function createLatestValues(schedule: (run: () => void, ms: number) => void = setTimeout) {
  const byDevice = new Map<string, readonly Reading[]>();
  const listeners = new Map<string, Set<() => void>>();
  const changed = new Set<string>();
  let scheduled = false;

  function flush() {
    scheduled = false;
    for (const deviceId of changed) for (const listener of listeners.get(deviceId) ?? []) listener();
    changed.clear();
  }
  function put(deviceId: string, reading: Reading) {
    const before = byDevice.get(deviceId) ?? [];
    const known = before.find(({ metric }) => metric === reading.metric);
    if (known && known.timestamp >= reading.timestamp) return;
    const kept = { ...reading, unit: reading.unit ?? known?.unit ?? null };
    byDevice.set(deviceId, known ? before.map((other) => (other === known ? kept : other)) : [...before, kept]);
    changed.add(deviceId);
    if (scheduled) return;
    scheduled = true;
    schedule(flush, redrawEveryMs);
  }

  return {
    readings: (deviceId: string) => byDevice.get(deviceId),
    take(points: readonly (LatestValue | LivePoint)[]) {
      for (const { deviceId, metric, timestamp, value, unit } of points) {
        put(deviceId, { metric, timestamp, value, unit: unit ?? null });
      }
    },
    listen(deviceId: string, listener: () => void) {
      const set = listeners.get(deviceId) ?? new Set();
      listeners.set(deviceId, set.add(listener));
      return () => {
        set.delete(listener);
        if (set.size === 0) listeners.delete(deviceId);
      };
    },
  };
}

export const latestValues = createLatestValues();

export function useReadings(deviceId: string): readonly Reading[] | undefined {
  return useSyncExternalStore(
    useCallback((listener) => latestValues.listen(deviceId, listener), [deviceId]),
    () => latestValues.readings(deviceId),
  );
}
