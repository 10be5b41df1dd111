import type { ConnectionRecord } from './connection.ts';
import type { MqttLimits } from './limits.ts';
import { filterTakes } from './topic-filter.ts';

export interface OutgoingMessage {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1;
}

const MAX_UNACKNOWLEDGED = 1000;
const PACKET_NUMBERS = 65_535;

/** Hands a message to one connection if it subscribed to the topic and reads what it is sent. Returns whether it was handed over. */
export function deliverTo<T>(
  record: ConnectionRecord<T>,
  message: OutgoingMessage,
  limits: MqttLimits,
  onAcknowledged: () => void,
): boolean {
  if (!record.ready || record.closed) return false;
  const granted = grantedQos(record, message.topic);
  // A reader that does not read would have us keep what we send it.
  if (granted < 0 || record.socket.writableLength > limits.outgoingBytes) return false;
  const qos = granted === 0 || message.qos === 0 ? 0 : 1;
  if (qos === 1) {
    if (record.unacknowledged.size >= MAX_UNACKNOWLEDGED) return false;
    record.unacknowledged.set(takePacketNumber(record), onAcknowledged);
  }
  const packet = { ...message, cmd: 'publish', qos, retain: false, dup: false } as const;
  record.client.publish(packet, () => {
    // Below QoS 1 nobody says that it arrived; written is all there is to know.
    if (qos === 0 && message.qos === 1 && !record.closed) onAcknowledged();
  });
  return true;
}

function grantedQos<T>(record: ConnectionRecord<T>, topic: string): number {
  let best = -1;
  for (const [filter, qos] of record.filters) if (qos > best && filterTakes(filter, topic)) best = qos;
  return best;
}

/** The number aedes is going to use for the packet (through `authorizeForward`), so that its acknowledgement can be told apart. */
function takePacketNumber<T>(record: ConnectionRecord<T>): number {
  do {
    record.lastPacketNumber = (record.lastPacketNumber % PACKET_NUMBERS) + 1;
  } while (record.unacknowledged.has(record.lastPacketNumber));
  return record.lastPacketNumber;
}
