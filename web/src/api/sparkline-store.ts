import { type Sparkline, telemetrySparklines } from '@valtronics/contract';
import { useCallback, useSyncExternalStore } from 'react';
import { call } from './call.ts';

const batchSize = 60;
const freshForMs = 180_000;
const collectForMs = 60;

/** Curves of the devices on the screen, asked for in batches while a table scrolls. */
function createSparklineStore(read: (deviceIds: string[], hours: number) => Promise<readonly Sparkline[]>) {
  const kept = new Map<string, { at: number; curve: Sparkline | undefined }>();
  const listeners = new Map<string, Set<() => void>>();
  const wanted = new Map<number, Set<string>>();
  let scheduled = false;
  const keyOf = (deviceId: string, hours: number) => `${hours} ${deviceId}`;

  async function load(deviceIds: string[], hours: number) {
    const at = Date.now();
    // Marked before the answer, so that scrolling back and forth does not ask twice.
    for (const id of deviceIds) kept.set(keyOf(id, hours), { at, curve: kept.get(keyOf(id, hours))?.curve });
    try {
      for (const curve of await read(deviceIds, hours)) {
        const key = keyOf(curve.deviceId, hours);
        kept.set(key, { at, curve });
        for (const listener of listeners.get(key) ?? []) listener();
      }
    } catch {
      // A missing curve is no reason to disturb; the next sight of the row asks again.
      for (const id of deviceIds) kept.delete(keyOf(id, hours));
    }
  }
  function flush() {
    scheduled = false;
    for (const [hours, ids] of wanted) {
      const all = [...ids];
      for (let start = 0; start < all.length; start += batchSize) void load(all.slice(start, start + batchSize), hours);
    }
    wanted.clear();
  }
  return {
    want(deviceIds: readonly string[], hours: number) {
      const now = Date.now();
      const missing = deviceIds.filter((id) => now - (kept.get(keyOf(id, hours))?.at ?? 0) > freshForMs);
      if (missing.length === 0) return;
      wanted.set(hours, new Set([...(wanted.get(hours) ?? []), ...missing]));
      if (scheduled) return;
      scheduled = true;
      setTimeout(flush, collectForMs);
    },
    forget: () => kept.clear(),
    get: (deviceId: string, hours: number) => kept.get(keyOf(deviceId, hours))?.curve,
    listen(deviceId: string, hours: number, listener: () => void) {
      const key = keyOf(deviceId, hours);
      const set = listeners.get(key) ?? new Set();
      listeners.set(key, set.add(listener));
      return () => {
        set.delete(listener);
        if (set.size === 0) listeners.delete(key);
      };
    },
  };
}

export const sparklines = createSparklineStore(async (deviceIds, hours) => {
  const { items } = await call(telemetrySparklines, { query: { deviceIds: deviceIds.join(','), hours } });
  return items;
});

export function useSparkline(deviceId: string, hours: number): Sparkline | undefined {
  return useSyncExternalStore(
    useCallback((listener) => sparklines.listen(deviceId, hours, listener), [deviceId, hours]),
    () => sparklines.get(deviceId, hours),
  );
}
