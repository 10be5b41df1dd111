import type { IngestReceipt } from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import { Problem } from '../../lib/problem.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import { answer, type Batch, failBatch, newBatch, type WaitingPoint } from './batch.ts';
import { type NormalPoint, readPoint, refusedTime } from './point.ts';
import { tooManySeries, typeMismatch, unknownDevice, withoutDevice } from './rejections.ts';
import { isUnread, type SentPoints, textBytes } from './sent-points.ts';
import { claimPointIds, MAX_SERIES_PER_DEVICE, type WantedSeries } from './series.repository.ts';
import type { KnownDevice, KnownSeries, SeriesCache } from './series-cache.ts';
import type { Flusher } from './telemetry.flusher.ts';
import { deviceOf, type TelemetrySender } from './telemetry-sender.ts';

export interface IngestLimits {
  /** Points that may wait for their commit, of all senders together. */
  readonly maxWaitingPoints: number;
  /** Bytes of texts among them. */
  readonly maxWaitingBytes: number;
  /** How long a message waits for a database that does not answer. */
  readonly patienceMs: number;
}

export interface IngestMetrics {
  ingestAccepted(points: number): void;
  ingestDuplicates(points: number): void;
  ingestRejected(points: number): void;
  ingestCommitted(seconds: number): void;
  watch(what: 'ingestQueuedPoints', read: () => number): void;
}

export interface IngestDeps {
  readonly transactions: Transactions;
  readonly series: SeriesCache;
  readonly lanes: readonly Flusher[];
  readonly clock: Clock;
  readonly limits: IngestLimits;
  readonly metrics: IngestMetrics | undefined;
  isWritable(): boolean;
}

export interface Ingest {
  /** Resolves when every point is durable, a duplicate, or listed as rejected. */
  submit(sender: TelemetrySender, points: SentPoints): Promise<IngestReceipt>;
  released(points: number): void;
  waiting(): number;
  close(): void;
}

interface Unplaced {
  readonly index: number;
  readonly point: NormalPoint;
  readonly deviceId: string;
}

export function createIngest(deps: IngestDeps): Ingest {
  const { series: cache, clock, lanes, limits } = deps;
  let waitingPoints = 0;
  let waitingBytes = 0;
  let open = true;

  /** Some 100,000 of these may wait for their commit at once, so a message costs one promise and one batch, and no frame of a function. */
  function submit(sender: TelemetrySender, points: SentPoints): Promise<IngestReceipt> {
    const bytes = textBytes(points);
    const refused = refusal(points.length, bytes);
    if (refused) return Promise.reject(refused);
    const { promise, resolve, reject } = Promise.withResolvers<IngestReceipt>();
    const deadlineMs = clock.now() + limits.patienceMs;
    const batch = newBatch({ deadlineMs, textBytes: bytes, settled, resolve, reject });
    waitingPoints += points.length;
    waitingBytes += bytes;
    try {
      const placed = place(sender, points, batch);
      if (placed instanceof Promise)
        placed.then(
          (late) => enqueue(batch, late, points.length),
          (error) => abandon(batch, error, points.length),
        );
      else enqueue(batch, placed, points.length);
    } catch (error) {
      abandon(batch, error as Error, points.length);
    }
    return promise;
  }

  function abandon(batch: Batch, error: Error, sent: number): void {
    waitingPoints -= sent;
    failBatch(batch, error);
  }

  function refusal(points: number, bytes: number): Problem | undefined {
    if (!open) return new Problem('unavailable', { detail: 'The server is stopping.' });
    if (!deps.isWritable()) return new Problem('storage_full', { retryAfterSeconds: 30 });
    const fits = waitingPoints + points <= limits.maxWaitingPoints && waitingBytes + bytes <= limits.maxWaitingBytes;
    return fits ? undefined : new Problem('overloaded', { retryAfterSeconds: 1 });
  }

  function enqueue(batch: Batch, placed: readonly WaitingPoint[], sent: number): void {
    waitingPoints -= sent - placed.length;
    batch.open = placed.length;
    if (placed.length === 0) answer(batch);
    else distribute(placed);
  }

  function settled(batch: Batch, receipt: IngestReceipt | undefined): void {
    waitingBytes -= batch.textBytes;
    if (!receipt) return;
    deps.metrics?.ingestAccepted(receipt.accepted);
    deps.metrics?.ingestDuplicates(receipt.duplicates);
    deps.metrics?.ingestRejected(receipt.rejected.length);
  }

  /** A device always takes the same lane, so two transactions of ours never wait for each other's keys. */
  function distribute(placed: readonly WaitingPoint[]): void {
    const first = lanes[0];
    if (!first) return;
    if (lanes.length === 1) {
      first.enqueue(placed);
      return;
    }
    const byLane = Map.groupBy(placed, ({ series }) => laneOf(series.deviceId, lanes.length));
    for (const [lane, own] of byLane) (lanes[lane] ?? first).enqueue(own);
  }

  /** What of a message can be stored, with its series; the rest is listed as rejected. Does not wait when everything is known. */
  function place(sender: TelemetrySender, points: SentPoints, batch: Batch): WaitingPoint[] | Promise<WaitingPoint[]> {
    // Not grown by pushing: that keeps room for sixteen more, in each of the many messages that wait.
    const placed = new Array<WaitingPoint>(points.length);
    let fit = 0;
    const unknown: Unplaced[] = [];
    const named: Unplaced[] = [];
    const nowMicros = clock.now() * 1000;
    let device: KnownDevice | undefined;
    for (let index = 0; index < points.length; index += 1) {
      const point = isUnread(points) ? readPoint(points[index]) : points.at(index);
      if (!point.ok) {
        batch.rejected.push({ index, code: point.code, detail: point.detail });
        continue;
      }
      const deviceId = deviceOf(sender, point);
      if (deviceId === undefined) {
        batch.rejected.push(sender.kind === 'device' ? unknownDevice(index) : withoutDevice(index));
        continue;
      }
      if (sender.kind === 'member' && !sender.sight.sees(deviceId)) {
        batch.rejected.push(unknownDevice(index));
        continue;
      }
      if (device?.deviceId !== deviceId) device = cache.device(sender.organisationId, deviceId);
      const series = device?.series.get(point.metric);
      if (!device || !series) unknown.push({ index, point: { ...point }, deviceId });
      else if (point.id !== undefined && Number.isNaN(point.atMicros)) named.push({ index, point, deviceId });
      else {
        const waiting = join(batch, index, point, device, series, nowMicros);
        if (waiting) placed[fit++] = waiting;
      }
    }
    placed.length = fit;
    if (unknown.length === 0 && named.length === 0) return placed;
    return placeRest(sender, batch, placed, unknown, named);
  }

  async function placeRest(
    sender: TelemetrySender,
    batch: Batch,
    placed: WaitingPoint[],
    unknown: readonly Unplaced[],
    named: Unplaced[],
  ): Promise<WaitingPoint[]> {
    const { organisationId } = sender;
    await makeKnown(organisationId, unknown);
    const nowMicros = clock.now() * 1000;
    for (const entry of unknown) {
      const { index, point, deviceId } = entry;
      const device = cache.device(organisationId, deviceId);
      const series = device?.series.get(point.metric);
      if (!device) batch.rejected.push(unknownDevice(index));
      else if (!series) batch.rejected.push(tooManySeries(index));
      else if (point.id !== undefined && Number.isNaN(point.atMicros)) named.push(entry);
      else append(placed, join(batch, index, point, device, series, nowMicros));
    }
    await placeNamed(organisationId, batch, placed, named);
    return placed;
  }

  /** Loads the devices, then makes the series that are missing. */
  async function makeKnown(organisationId: number, unknown: readonly Unplaced[]): Promise<void> {
    const deviceIds = new Set(unknown.map(({ deviceId }) => deviceId));
    const missing = [...deviceIds].filter((id) => !cache.device(organisationId, id));
    if (missing.length > 0) await cache.load(organisationId, missing);
    const wanted: WantedSeries[] = [];
    for (const { point, deviceId } of unknown) {
      const device = cache.device(organisationId, deviceId);
      if (!device || device.series.has(point.metric)) continue;
      if (device.series.size >= MAX_SERIES_PER_DEVICE) continue;
      wanted.push({ deviceId, metric: point.metric, valueType: typeOf(point.value), unit: point.unit ?? null });
    }
    if (wanted.length > 0) await cache.create(organisationId, wanted);
  }

  /** Points with an id get the time their first delivery got, so a second one meets the same key. */
  async function placeNamed(
    organisationId: number,
    batch: Batch,
    placed: WaitingPoint[],
    named: readonly Unplaced[],
  ): Promise<void> {
    if (named.length === 0) return;
    const nowMicros = clock.now() * 1000;
    const known = named.flatMap((entry) => {
      const device = cache.device(organisationId, entry.deviceId);
      const series = device?.series.get(entry.point.metric);
      if (device && series) return [{ ...entry, device, series }];
      batch.rejected.push(unknownDevice(entry.index));
      return [];
    });
    const claims = known.map(({ point, deviceId, series }) => ({
      deviceId,
      pointId: point.id ?? '',
      atMicros: nextGiven(series, nowMicros),
    }));
    const times = await deps.transactions.unaudited(organisationId, 'point_ids', (tx) =>
      claimPointIds(tx, organisationId, claims),
    );
    for (const [place, { index, point, device, series }] of known.entries()) {
      const timed = { ...point, atMicros: times[place] ?? Number.NaN };
      append(placed, join(batch, index, timed, device, series, nowMicros));
    }
  }

  return {
    submit,
    released: (points) => {
      waitingPoints -= points;
    },
    waiting: () => waitingPoints,
    close: () => {
      open = false;
    },
  };

  /** The point as it waits for its commit; undefined when it was listed as rejected instead. */
  function join(
    batch: Batch,
    index: number,
    point: NormalPoint,
    device: KnownDevice,
    series: KnownSeries,
    nowMicros: number,
  ): WaitingPoint | undefined {
    const { value, unit } = point;
    if (typeof value !== series.valueType) {
      batch.rejected.push(typeMismatch(index, series));
      return undefined;
    }
    let { atMicros } = point;
    const given = Number.isNaN(atMicros);
    if (given) atMicros = nextGiven(series, nowMicros);
    else {
      const refused = refusedTime(atMicros, nowMicros, device.retentionDays);
      if (refused) {
        batch.rejected.push({ index, code: refused.code, detail: refused.detail });
        return undefined;
      }
    }
    if (unit !== undefined && series.unit === null) cache.fillUnit(series, unit);
    return { series, atMicros, value, batch, index, given };
  }
}

function append(placed: WaitingPoint[], point: WaitingPoint | undefined): void {
  if (point) placed.push(point);
}

/** Times the server gives rise by at least a microsecond, so no two points of a series share one. */
function nextGiven(series: KnownSeries, nowMicros: number): number {
  const at = nowMicros > series.lastGivenMicros ? nowMicros : series.lastGivenMicros + 1;
  series.lastGivenMicros = at;
  return at;
}

function typeOf(value: NormalPoint['value']): KnownSeries['valueType'] {
  return typeof value === 'number' ? 'number' : typeof value === 'boolean' ? 'boolean' : 'string';
}

function laneOf(deviceId: string, lanes: number): number {
  // The last digits of an id are random.
  return Number.parseInt(deviceId.slice(-6), 16) % lanes;
}
