import { z } from 'zod';
import { id, metric } from './common.ts';
import { limits } from './telemetry.ts';

/** What a client may say on the WebSocket `/api/v1/live`, one JSON object a frame of at most 1 MiB. */
const requestId = z.union([z.string().min(1).max(64), z.int()]);

export const liveAuth = z.strictObject({ type: z.literal('auth'), token: z.string().max(4096) });
export const liveSubscribe = z.strictObject({
  type: z.literal('subscribe'),
  id: requestId,
  channel: z.enum(['telemetry', 'alerts', 'devices', 'security']),
  deviceId: id.optional(),
  metric: metric.optional(),
});
export const liveUnsubscribe = z.strictObject({ type: z.literal('unsubscribe'), id: requestId });
export const livePublish = z.strictObject({
  type: z.literal('publish'),
  id: requestId,
  points: z.array(z.unknown()).min(1).max(limits.batchPoints),
});
export const livePing = z.strictObject({ type: z.literal('ping') });

export const liveRequest = z.discriminatedUnion('type', [
  liveAuth,
  liveSubscribe,
  liveUnsubscribe,
  livePublish,
  livePing,
]);
export type LiveRequest = z.infer<typeof liveRequest>;
export type LiveRequestId = z.infer<typeof requestId>;

export const liveCloseCodes = {
  notAuthenticated: 4401,
  refused: 4403,
  tooSlow: 4408,
  tooFast: 4429,
  restarting: 1012,
} as const;
