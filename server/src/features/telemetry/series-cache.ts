import type { Clock } from '../../lib/clock.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { SeriesKey } from './committed.ts';
import { groupedByOrganisation } from './grouped-work.ts';
import { fillUnits, findDevices, findSeriesOfDevices, insertSeries, type WantedSeries } from './series.repository.ts';

/** A series as the ingest knows it: one object per id for as long as its device is known. */
export interface KnownSeries extends SeriesKey {
  unit: string | null;
  health: boolean;
  /** The last time the server gave to one of its points; the next one is later. */
  lastGivenMicros: number;
}

export interface KnownDevice {
  readonly deviceId: string;
  readonly organisationId: number;
  retentionDays: number;
  readonly series: Map<string, KnownSeries>;
  loadedAtMs: number;
}

export interface SeriesCache {
  /** What is known of a device right now; undefined: ask `load`. */
  device(organisationId: number, deviceId: string): KnownDevice | undefined;
  load(organisationId: number, deviceIds: readonly string[]): Promise<void>;
  create(organisationId: number, wanted: readonly WantedSeries[]): Promise<void>;
  fillUnit(series: KnownSeries, unit: string): void;
  /** One metric of a device, or all it has, are of class health from now on. */
  markHealth(deviceId: string, metric: string | undefined): void;
  forget(deviceId: string): void;
}

// Other servers delete devices and change retention too; this is how long one of them may be behind. The job that removes a deleted
// device's points waits longer than this.
const FRESH_MS = 5 * 60_000;
const MAX_DEVICES = 50_000;

export function createSeriesCache(deps: {
  readonly transactions: Transactions;
  readonly clock: Clock;
  readonly log: { warn(fields: object, message: string): void };
}): SeriesCache {
  const { transactions, clock, log } = deps;
  const devices = new Map<string, KnownDevice>();

  const load = groupedByOrganisation<string>(async (organisationId, ids) => {
    const deviceIds = [...new Set(ids)];
    const { known, series } = await transactions.read(organisationId, async (reader) => ({
      known: await findDevices(reader, deviceIds),
      series: await findSeriesOfDevices(reader, deviceIds),
    }));
    const found = new Set(known.map(({ deviceId }) => deviceId));
    for (const id of deviceIds) if (!found.has(id)) devices.delete(id);
    for (const { deviceId, retentionDays } of known) {
      const before = devices.get(deviceId);
      if (before) Object.assign(before, { retentionDays, loadedAtMs: clock.now() });
      else remember({ deviceId, organisationId, retentionDays, series: new Map(), loadedAtMs: clock.now() });
    }
    for (const row of series) keep(row);
  });

  const create = groupedByOrganisation<WantedSeries>(async (organisationId, items) => {
    // The first of a batch decides type and unit; also, one statement may not insert the same key twice.
    const wanted = [...new Map(items.toReversed().map((item) => [`${item.deviceId}/${item.metric}`, item])).values()];
    await transactions.unaudited(organisationId, 'new_series', (tx) => insertSeries(tx, wanted));
    await load(
      organisationId,
      wanted.map(({ deviceId }) => deviceId),
    );
  });

  const writeUnits = groupedByOrganisation<{ id: number; unit: string }>((organisationId, items) =>
    transactions.unaudited(organisationId, 'new_series', (tx) =>
      fillUnits(
        tx,
        items.map(({ id }) => id),
        items.map(({ unit }) => unit),
      ),
    ),
  );

  function remember(device: KnownDevice): void {
    if (devices.size >= MAX_DEVICES) {
      const oldest = devices.keys().next();
      if (!oldest.done) devices.delete(oldest.value);
    }
    devices.set(device.deviceId, device);
  }

  function keep(row: SeriesKey): void {
    const device = devices.get(row.deviceId);
    const before = device?.series.get(row.metric);
    // The same object stays: points of it may be waiting, and consumers compare by it.
    if (before?.id === row.id) Object.assign(before, { unit: row.unit, health: row.health });
    else device?.series.set(row.metric, { ...row, lastGivenMicros: 0 });
  }

  return {
    device(organisationId, deviceId) {
      const device = devices.get(deviceId);
      // Another organisation's device is as unknown as one that does not exist.
      if (device?.organisationId !== organisationId) return undefined;
      return clock.now() - device.loadedAtMs < FRESH_MS ? device : undefined;
    },
    load,
    create,
    fillUnit(series, unit) {
      series.unit = unit;
      writeUnits(series.organisationId, [{ id: series.id, unit }]).catch((error: unknown) => {
        series.unit = null;
        log.warn({ err: error, series: series.id }, 'the unit of a series could not be stored');
      });
    },
    markHealth(deviceId, metric) {
      // The objects stay: points that wait for their commit hold them.
      for (const series of devices.get(deviceId)?.series.values() ?? [])
        if (metric === undefined || series.metric === metric) series.health = true;
    },
    forget(deviceId) {
      devices.delete(deviceId);
    },
  };
}
