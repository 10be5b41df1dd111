import { limits, telemetryTopics } from '@valtronics/contract';
import { parseJson } from '../../lib/json.ts';
import { invalidField, Problem } from '../../lib/problem.ts';
import type { TopicGate, TopicMessage } from '../../security/gate/topics.ts';
import type { Ingest } from './telemetry.ingest.ts';

const MAX_REPORTED = 100;

export function addTelemetryTopics(gate: Pick<TopicGate, 'onTopic'>, submit: Ingest['submit']): void {
  gate.onTopic(telemetryTopics.points, async ({ device, payload }) => {
    await store(device, pointsOf(parseJson(payload)), (index) => `points[${index}]`);
  });
  gate.onTopic(telemetryTopics.metric, async ({ device, params, payload }) => {
    await store(device, [withMetric(parseJson(payload), params['metric'])], () => 'value');
  });
  gate.onTopic(telemetryTopics.older, async ({ device, payload }) => {
    await store(device, olderPoints(parseJson(payload)), (index) => `metrics[${index}]`);
  });

  /** The good points are stored; the others are reported on the device's `errors` topic, where a problem ends up. */
  async function store(
    device: TopicMessage['device'],
    points: readonly unknown[],
    path: (index: number) => string,
  ): Promise<void> {
    const { rejected } = await submit(device, points);
    if (rejected.length === 0) return;
    const errors = rejected
      .slice(0, MAX_REPORTED)
      .map(({ index, code, detail }) => ({ path: path(index), message: `${code}: ${detail}` }));
    const detail = `${rejected.length} of ${points.length} points were not stored.`;
    throw new Problem('invalid_request', { detail, errors });
  }
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
  return { ...message, metric };
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
