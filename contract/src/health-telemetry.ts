import { z } from 'zod';
import { id, metric } from './common.ts';
import { endpoint } from './endpoint.ts';
import { needs, records } from './policy.ts';

export const telemetryMarkHealth = endpoint({
  method: 'POST',
  path: '/telemetry/health',
  summary: 'Keep the values of a metric of a device, or of all it has and will have, sealed as health data; for good',
  body: z.strictObject({ deviceId: id, metric: metric.optional() }),
  response: z.strictObject({ marked: z.int().describe('metrics that were not of class health before') }),
  access: needs('device:write'),
  rate: 'api',
  audit: records('telemetry.marked_health'),
});
