import { type IngestReceipt, limits, telemetryTopics } from '@valtronics/contract';
import { parseJson } from '../../lib/json.ts';
import { invalidField, Problem } from '../../lib/problem.ts';
import type { TopicGate } from '../../security/gate/topics.ts';
import type { Ingest } from './telemetry.ingest.ts';

const MAX_REPORTED = 100;

/** Nothing here is an async function: thousands of messages wait for their commit at once, each with as little as possible. */
export function addTelemetryTopics(gate: Pick<TopicGate, 'onTopic'>, submit: Ingest['submit']): void {
  gate.onTopic(telemetryTopics.points, ({ device, payload }) =>
    submit(device, pointsOf(parseJson(payload))).then(reportPoints),
  );
  gate.onTopic(telemetryTopics.metric, ({ device, params, payload }) =>
    submit(device, [withMetric(parseJson(payload), params['metric'])]).then(reportValue),
  );
  gate.onTopic(telemetryTopics.older, ({ device, payload }) =>
    submit(device, olderPoints(parseJson(payload))).then(reportMetrics),
  );
}

const reportPoints = reporter((index) => `points[${index}]`);
const reportValue = reporter(() => 'value');
const reportMetrics = reporter((index) => `metrics[${index}]`);

/** The good points are stored; the others are reported on the device's `errors` topic, where a problem ends up. */
function reporter(path: (index: number) => string): (receipt: IngestReceipt) => void {
  return ({ accepted, duplicates, rejected }) => {
    if (rejected.length === 0) return;
    const errors = rejected
      .slice(0, MAX_REPORTED)
      .map(({ index, code, detail }) => ({ path: path(index), message: `${code}: ${detail}` }));
    const points = accepted + duplicates + rejected.length;
    const detail = `${rejected.length} of ${points} points were not stored.`;
    throw new Problem('invalid_request', { detail, errors });
  };
}

function bounded(points: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(points)) throw invalidField(path, 'a list of points');
  if (points.length === 0 || points.length > limits.batchPoints) {
    throw invalidField(path, `1–${limits.batchPoints} points`);
  }
  return points;
}

/** `{points: […]}`, a list, or one point. */
function pointsOf(message: unknown): readonly unknown[] {
  if (Array.isArray(message)) return bounded(message, 'points');
  if (!isRecord(message) || !('points' in message)) return [message];
  refuseUnknown(message, ['points']);
  return bounded(message['points'], 'points');
}

/** `{value, unit?, timestamp?}`, or the value itself. */
function withMetric(message: unknown, metric: string | undefined): unknown {
  if (!isRecord(message)) return { metric, value: message };
  if ('metric' in message) throw invalidField('metric', 'is named by the topic');
  message['metric'] = metric;
  return message;
}

/** `{device_id, timestamp, metrics: [{name, value, unit}]}` of the scheme before this one. */
function olderPoints(message: unknown): readonly unknown[] {
  if (!isRecord(message)) throw invalidField('', 'an object with metrics');
  refuseUnknown(message, ['device_id', 'timestamp', 'metrics']);
  const { device_id: deviceId, timestamp } = message;
  return bounded(message['metrics'], 'metrics').map((entry) => {
    if (!isRecord(entry)) return entry;
    const { name, unit, ...rest } = entry;
    return {
      ...rest,
      metric: name,
      ...(unit === null || unit === undefined ? {} : { unit }),
      ...(deviceId === undefined ? {} : { deviceId }),
      ...(timestamp === undefined || timestamp === null ? {} : { timestamp }),
    };
  });
}

function refuseUnknown(message: Readonly<Record<string, unknown>>, known: readonly string[]): void {
  const unknown = Object.keys(message).find((key) => !known.includes(key));
  if (unknown !== undefined) throw invalidField(unknown.slice(0, 40), 'unknown field');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
