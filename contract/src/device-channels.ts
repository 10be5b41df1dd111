import { z } from 'zod';
import { stream, topic } from './channel.ts';
import { id } from './common.ts';
import { device } from './devices.ts';
import { device as deviceOnly, needs, reported, unaudited } from './policy.ts';

const ownStatus = {
  direction: 'publish',
  maxBytes: 256,
  access: deviceOnly(),
  rate: 'ingest',
  audit: unaudited('status changes are kept as device events'),
} as const;
const responseTopic = {
  direction: 'publish',
  maxBytes: 16_384,
  inspection: [reported('body', 'what a command printed, as it printed it')],
  access: deviceOnly(),
  rate: 'ingest',
  audit: unaudited('the command history keeps the answer'),
} as const;
const toDevice = {
  direction: 'subscribe',
  maxBytes: 65_536,
  access: deviceOnly(),
  rate: 'ingest',
  audit: unaudited('a device listens to its own topics'),
} as const;

export const deviceTopics = {
  status: topic({
    ...ownStatus,
    pattern: 'valtronics/devices/{deviceId}/status',
    summary: 'online, offline, error or maintenance',
  }),
  response: topic({
    ...responseTopic,
    pattern: 'valtronics/devices/{deviceId}/responses/{requestId}',
    summary: 'The answer to a command',
  }),
  commands: topic({
    ...toDevice,
    pattern: 'valtronics/devices/{deviceId}/commands/#',
    summary: 'Commands for this device',
  }),
  config: topic({
    ...toDevice,
    pattern: 'valtronics/devices/{deviceId}/config/#',
    summary: 'Configuration for this device',
  }),
  errors: topic({
    ...toDevice,
    pattern: 'valtronics/devices/{deviceId}/errors',
    summary: 'Problems with what this device sent',
  }),
  olderStatus: topic({ ...ownStatus, pattern: 'valtronics/{deviceId}/status', summary: 'Older scheme: status' }),
  olderHeartbeat: topic({
    ...ownStatus,
    pattern: 'valtronics/{deviceId}/heartbeat',
    summary: 'Older scheme: still there',
  }),
  olderResponse: topic({
    ...responseTopic,
    pattern: 'valtronics/{deviceId}/response',
    summary: 'Older scheme: the answer to a command',
  }),
} as const;

export const devicesStream = stream({
  channel: 'devices',
  direction: 'subscribe',
  summary: 'Devices as they come, go and change',
  filter: z.strictObject({ deviceId: id.optional() }),
  message: z.strictObject({ type: z.literal('device'), device }),
  access: needs('device:read'),
  rate: 'api',
  audit: unaudited('device names are not personal data'),
});
