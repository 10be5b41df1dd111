import { z } from 'zod';
import { stream, topic } from './channel.ts';
import { id, metric, page, queryInt, timestamp } from './common.ts';
import { endpoint } from './endpoint.ts';
import { field } from './fields.ts';
import { device, needs, reads, unaudited } from './policy.ts';

export const limits = {
  batchPoints: 5000,
  batchBytes: 1_048_576,
  stringBytes: 1024,
  unitLength: 32,
  pointIdLength: 128,
  futureSkewHours: 24,
} as const;

export const value = z.union([z.number(), z.boolean(), z.string().max(limits.stringBytes)]);
export type Value = z.infer<typeof value>;

/**
 * One measurement as a client sends it. `timestamp` is the device's own time (RFC 3339, or milliseconds since 1970); without it the
 * server's is taken. `id` protects a point without a timestamp against redelivery.
 */
export const point = z.strictObject({
  deviceId: id.optional(),
  metric,
  value,
  unit: z.string().max(limits.unitLength).optional(),
  timestamp: z.union([timestamp, z.int().nonnegative()]).optional(),
  id: z.string().min(1).max(limits.pointIdLength).optional(),
});
export type Point = z.infer<typeof point>;

/** Why a single point was not stored; public: add, never rename. */
export const rejectionCodes = [
  'invalid_point',
  'unknown_device',
  'too_far_ahead',
  'past_retention',
  'conflict',
  'type_mismatch',
  'too_many_series',
  'request_blocked',
  'personal_data',
] as const;
export type RejectionCode = (typeof rejectionCodes)[number];

export const rejection = z.strictObject({
  index: z.int(),
  code: z.enum(rejectionCodes),
  detail: z.string(),
});
export type Rejection = z.infer<typeof rejection>;

export const ingestReceipt = z.strictObject({
  accepted: z.int(),
  duplicates: z.int(),
  rejected: z.array(rejection),
});
export type IngestReceipt = z.infer<typeof ingestReceipt>;

/**
 * The points of a batch are checked one by one against `point` by the ingest (a bad one is listed, the rest are stored), so the body
 * schema only says that it is a bounded list.
 */
export const telemetrySend = endpoint({
  method: 'POST',
  path: '/telemetry',
  summary: 'Store measurements; answered once they are durable',
  body: z.strictObject({ points: z.array(z.unknown()).min(1).max(limits.batchPoints) }),
  bodyLimit: limits.batchBytes,
  itemsCheckedIn: 'points',
  response: ingestReceipt,
  access: needs('telemetry:write', { orDevice: true }),
  rate: 'ingest',
  audit: unaudited('measurements are the record themselves, journalled with their sender'),
});

const series = { deviceId: id, metric };
const range = { from: timestamp, to: timestamp };

const measured = <S extends z.ZodType>(schema: S): S => field('points.num', schema);
export const storedPoint = z.strictObject({ timestamp, value: measured(value) });
export type StoredPoint = z.infer<typeof storedPoint>;

export const telemetryRaw = endpoint({
  method: 'GET',
  path: '/telemetry',
  summary:
    'Points as they were sent, oldest first; `maxPoints` thins numbers for a chart (largest triangle, three buckets)',
  query: z.strictObject({
    ...series,
    ...range,
    limit: queryInt(1, 10_000).optional(),
    cursor: z.string().max(500).optional(),
    maxPoints: queryInt(3, 5000).optional(),
  }),
  response: page(storedPoint).extend({ unit: z.string().nullable(), downsampledFrom: z.int().nullable() }),
  access: needs('telemetry:read'),
  rate: 'api',
  audit: reads('telemetry.read', 'health'),
});

export const latestValue = z.strictObject({
  deviceId: id,
  metric: z.string(),
  unit: z.string().nullable(),
  timestamp,
  value: measured(value),
});
export type LatestValue = z.infer<typeof latestValue>;

export const telemetryLatest = endpoint({
  method: 'GET',
  path: '/telemetry/latest',
  summary: 'The newest value of every metric, of one device or (paged by device) of the fleet',
  query: z.strictObject({
    deviceId: id.optional(),
    metric: metric.optional(),
    limit: queryInt(1, 10_000).optional(),
    cursor: z.string().max(500).optional(),
  }),
  response: page(latestValue),
  access: needs('telemetry:read'),
  rate: 'api',
  audit: reads('telemetry.read', 'health'),
});

export const intervals = ['1m', '5m', '15m', '1h', '1d'] as const;
export type Interval = (typeof intervals)[number];
export const aggregations = ['avg', 'min', 'max', 'sum', 'count', 'p50', 'p95'] as const;
export type Aggregation = (typeof aggregations)[number];

/** Quantiles come from mergeable sketches whose relative error is bounded by this. */
export const sketchRelativeError = 0.01;

const figure = measured(z.number().nullable());
const figures = { avg: figure, min: figure, max: figure, sum: figure, p50: figure, p95: figure };

export const bucket = z.strictObject({
  timestamp: timestamp.describe('start of the bucket'),
  count: z.int(),
  ...figures,
});
export type Bucket = z.infer<typeof bucket>;

export const telemetryHistory = endpoint({
  method: 'GET',
  path: '/telemetry/history',
  summary:
    'Aggregated history; `auto` picks the interval for `maxPoints` buckets and falls back to raw for short ranges',
  query: z.strictObject({
    ...series,
    ...range,
    interval: z.enum([...intervals, 'auto']).optional(),
    aggregation: z.enum(aggregations).optional().describe('only this one is filled in; all unless told'),
    maxPoints: queryInt(3, 5000).optional(),
  }),
  response: z.strictObject({
    deviceId: id,
    metric: z.string(),
    unit: z.string().nullable(),
    interval: z.enum([...intervals, 'raw']),
    relativeError: z.number(),
    buckets: z.array(bucket),
    points: z.array(storedPoint).describe('filled instead of `buckets` when `interval` is `raw`'),
  }),
  access: needs('telemetry:read'),
  rate: 'api',
  audit: reads('telemetry.read', 'health'),
});

export const metricInfo = z.strictObject({
  deviceId: id,
  metric: z.string(),
  unit: z.string().nullable(),
  valueType: z.enum(['number', 'boolean', 'string']),
  health: z.boolean().describe('its values are sealed at rest and shown to who holds `health:read`'),
  sealing: z
    .strictObject({ sealedPoints: z.int() })
    .nullable()
    .describe('not null: points of before it was marked are still being sealed; so many are'),
  firstAt: timestamp.nullable(),
  lastAt: timestamp.nullable(),
});
export type MetricInfo = z.infer<typeof metricInfo>;

export const telemetryMetrics = endpoint({
  method: 'GET',
  path: '/telemetry/metrics',
  summary: 'Which metrics there are, of one device or of the fleet',
  query: z.strictObject({
    deviceId: id.optional(),
    limit: queryInt(1, 10_000).optional(),
    cursor: z.string().max(500).optional(),
  }),
  response: page(metricInfo),
  access: needs('telemetry:read'),
  rate: 'api',
  audit: unaudited('metric names are not personal data'),
});

export const sparkline = z.strictObject({
  deviceId: id,
  metric: z.string(),
  unit: z.string().nullable(),
  from: timestamp,
  stepSeconds: z.int(),
  values: measured(z.array(z.number().nullable())),
});
export type Sparkline = z.infer<typeof sparkline>;

export const telemetrySparklines = endpoint({
  method: 'GET',
  path: '/telemetry/sparklines',
  summary: 'A small curve of the last hours for each of some devices (their first metric unless one is named)',
  query: z.strictObject({
    deviceIds: z
      .string()
      .max(37 * 200)
      .describe('up to 200 device ids, separated by commas'),
    metric: metric.optional(),
    hours: queryInt(1, 48).optional(),
  }),
  response: page(sparkline),
  access: needs('telemetry:read'),
  rate: 'api',
  audit: reads('telemetry.read', 'health'),
});

export const gap = z.strictObject({ from: timestamp, to: timestamp });

export const telemetrySummary = endpoint({
  method: 'GET',
  path: '/telemetry/summary',
  summary: 'Figures of a range with its gaps and how complete it is',
  query: z.strictObject({ ...series, ...range, expectedIntervalSeconds: queryInt(1, 86_400).optional() }),
  response: bucket.omit({ timestamp: true }).extend({
    unit: z.string().nullable(),
    from: timestamp,
    to: timestamp,
    relativeError: z.number(),
    firstAt: timestamp.nullable(),
    lastAt: timestamp.nullable(),
    expectedIntervalSeconds: z.number().nullable().describe('given, or the median distance seen'),
    completeness: z.number().nullable().describe('0–1: points seen of points expected'),
    gaps: z.array(gap).describe('the 100 longest'),
  }),
  access: needs('analytics:read'),
  rate: 'api',
  audit: reads('telemetry.read', 'health'),
});

const telemetryTopic = {
  direction: 'publish',
  maxBytes: limits.batchBytes,
  access: device(),
  rate: 'ingest',
  audit: unaudited('measurements are the record themselves, journalled with their sender'),
} as const;

export const telemetryTopics = {
  points: topic({
    ...telemetryTopic,
    pattern: 'valtronics/devices/{deviceId}/telemetry',
    summary: '`{points: […]}`, a list, or one point',
  }),
  metric: topic({
    ...telemetryTopic,
    pattern: 'valtronics/devices/{deviceId}/telemetry/{metric}',
    summary: '`{value, unit?, timestamp?}` or a bare number',
  }),
  older: topic({
    ...telemetryTopic,
    pattern: 'valtronics/{deviceId}/telemetry',
    summary: 'Older scheme: `{device_id, timestamp, metrics: [{name, value, unit}]}`',
  }),
} as const;

export const telemetryStream = stream({
  channel: 'telemetry',
  direction: 'subscribe',
  summary: 'Points as they are committed',
  filter: z.strictObject({ deviceId: id.optional(), metric: metric.optional() }),
  message: latestValue.extend({ type: z.literal('telemetry') }),
  access: needs('telemetry:read'),
  rate: 'api',
  audit: reads('telemetry.read', 'health'),
});

export const telemetryPublish = stream({
  channel: 'telemetry',
  direction: 'publish',
  summary: 'Store measurements over the WebSocket; answered once they are durable',
  filter: z.strictObject({}),
  access: needs('telemetry:write', { orDevice: true }),
  rate: 'ingest',
  audit: unaudited('measurements are the record themselves, journalled with their sender'),
});
