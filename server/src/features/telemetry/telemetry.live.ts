import { telemetryPublish, telemetryStream } from '@valtronics/contract';
import type { StreamGate, Subscription } from '../../security/gate/streams.ts';
import type { CommittedFlush, CommittedPoint, SeriesKey } from './committed.ts';
import { seesHealth } from './health-reading.ts';
import type { Ingest } from './telemetry.ingest.ts';
import { senderOf } from './telemetry-sender.ts';
import { timestampText } from './timestamp.ts';

interface Listener {
  readonly metric: string | undefined;
  readonly seesHealth: boolean;
  readonly send: Subscription<typeof telemetryStream>['send'];
}

/** Who listens in an organisation: to one device, or to all of them. */
interface Audience {
  readonly fleet: Set<Listener>;
  readonly devices: Map<string, Set<Listener>>;
}

// Of a batch that brings an hour at once, a chart of one device gets the end; it reads the rest as history. A fleet view shows the
// newest value only.
const MAX_POINTS_PER_SERIES = 100;

/** Shows what was committed to whoever listens, and takes points over the same connection. */
export function addTelemetryStreams(gate: StreamGate, submit: Ingest['submit']): (flush: CommittedFlush) => void {
  const audiences = new Map<number, Audience>();

  gate.onSubscribe(telemetryStream, ({ principal, filter, send }) => {
    const { organisationId } = principal;
    const audience = audiences.get(organisationId) ?? { fleet: new Set(), devices: new Map() };
    audiences.set(organisationId, audience);
    const listener = { metric: filter.metric, seesHealth: seesHealth(principal), send };
    const deviceId = filter.deviceId?.toLowerCase();
    const listeners = deviceId === undefined ? audience.fleet : (audience.devices.get(deviceId) ?? new Set());
    if (deviceId !== undefined) audience.devices.set(deviceId, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (deviceId !== undefined && listeners.size === 0) audience.devices.delete(deviceId);
      if (audience.fleet.size === 0 && audience.devices.size === 0) audiences.delete(organisationId);
    };
  });

  gate.onPublish(telemetryPublish, async ({ principal, points, sight }) => ({
    ...(await submit(senderOf(principal, sight), points)),
  }));

  // Points of a series stand together, in order of time: whether anyone listens is asked once for a stretch of them.
  return ({ points }) => {
    if (audiences.size === 0) return;
    let start = 0;
    while (start < points.length) {
      const series = points[start]?.series;
      if (!series) return;
      let end = start + 1;
      while (points[end]?.series === series) end += 1;
      const audience = audiences.get(series.organisationId);
      if (audience) show(audience, points, start, end);
      start = end;
    }
  };
}

function show(audience: Audience, points: readonly CommittedPoint[], start: number, end: number): void {
  const newest = points[end - 1];
  if (!newest) return;
  const { deviceId, metric } = newest.series;
  const key = `${deviceId}/${metric}`;
  const listeners = audience.devices.get(deviceId);
  if (audience.fleet.size > 0) {
    const message = messageOf(newest);
    for (const listener of audience.fleet) if (wants(listener, newest.series)) listener.send(message, key, deviceId);
  }
  if (!listeners) return;
  for (let index = Math.max(start, end - MAX_POINTS_PER_SERIES); index < end; index += 1) {
    const point = points[index];
    if (!point) return;
    const message = messageOf(point);
    for (const listener of listeners) if (wants(listener, newest.series)) listener.send(message, key, deviceId);
  }
}

const wants = (listener: Listener, { metric, health }: SeriesKey) =>
  (listener.metric === undefined || listener.metric === metric) && (!health || listener.seesHealth);

function messageOf({ series, atMicros, value }: CommittedPoint) {
  const { deviceId, metric, unit } = series;
  return { type: 'telemetry', deviceId, metric, unit, timestamp: timestampText(atMicros), value };
}
