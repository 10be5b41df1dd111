import { type DeviceStatus, deviceStatus, deviceTopics } from '@valtronics/contract';
import { z } from 'zod';
import { isId } from '../../lib/ids.ts';
import { parseJson } from '../../lib/json.ts';
import { invalidField } from '../../lib/problem.ts';
import type { TopicGate, TopicHandler } from '../../security/gate/topics.ts';
import type { DeviceCommandService } from './device-command.service.ts';
import type { Presence } from './presence.ts';

const answer = z.looseObject({ status: z.enum(['ok', 'error']) });
const olderAnswer = answer.extend({
  request_id: z.string().max(64).optional(),
  command_id: z.string().max(64).optional(),
});

/** What devices say of themselves and of commands, and what their connections tell. */
export function addDeviceTopics(deps: {
  topicGate: TopicGate;
  presence: Presence;
  commands: DeviceCommandService;
}): void {
  const { topicGate, presence, commands } = deps;

  const onStatus: TopicHandler = async ({ device, payload, lastWill }) => {
    const status = readStatus(payload);
    // Its will says that it is gone. It may be back at once, or never have been away (the same client id connected anew).
    if (lastWill && status === 'offline') presence.left(device.deviceId, 'last will');
    else presence.said(device.deviceId, status);
  };
  topicGate.onTopic(deviceTopics.status, onStatus);
  topicGate.onTopic(deviceTopics.olderStatus, onStatus);
  // Whatever it holds: that it came is all it says, and the gate has noted that already.
  topicGate.onTopic(deviceTopics.olderHeartbeat, async () => {});

  topicGate.onTopic(deviceTopics.response, async ({ device, params, payload }) => {
    const response = readAnswer(answer, payload);
    await commands.answer(device, commandId(params.requestId), { outcome: outcomeOf(response), response });
  });
  topicGate.onTopic(deviceTopics.olderResponse, async ({ device, payload }) => {
    const response = readAnswer(olderAnswer, payload);
    const id = commandId(response.request_id ?? response.command_id);
    await commands.answer(device, id, { outcome: outcomeOf(response), response });
  });

  topicGate.observe({
    heard: (device) => presence.heard(device),
    connected: (device) => presence.heard(device),
    subscribed: (device) => commands.subscribed(device.organisationId, device.deviceId),
    disconnected(device, { goodbye, stillConnected }) {
      if (stillConnected > 0) presence.stays(device.deviceId);
      else presence.left(device.deviceId, goodbye ? 'goodbye' : 'connection lost');
    },
  });
}

/** The bare word, the word as JSON, or the older `{"status": …}`. */
function readStatus(payload: Buffer): DeviceStatus {
  const text = payload.toString('utf8').trim();
  const bare = deviceStatus.safeParse(text);
  if (bare.success) return bare.data;
  const value = parseJson(payload);
  const said = typeof value === 'object' && value !== null && 'status' in value ? value.status : value;
  const parsed = deviceStatus.safeParse(said);
  if (!parsed.success) throw invalidField('status', 'online, offline, error or maintenance');
  return parsed.data;
}

function readAnswer<S extends typeof answer | typeof olderAnswer>(schema: S, payload: Buffer): z.output<S> {
  const parsed = schema.safeParse(parseJson(payload));
  if (!parsed.success) throw invalidField('status', 'ok or error, in a JSON object');
  return parsed.data as z.output<S>;
}

function commandId(text: string | undefined): string {
  const id = text?.toLowerCase();
  if (!isId(id)) throw invalidField('requestId', 'the id of the command');
  return id;
}

const outcomeOf = ({ status }: { status: 'ok' | 'error' }) => (status === 'ok' ? 'acknowledged' : 'failed');
