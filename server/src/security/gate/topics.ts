import type { Topic } from '@valtronics/contract';
import type { DevicePrincipal } from '../access/principal.ts';

/** One message a device published, already authenticated, limited and matched to its declared topic. */
export interface TopicMessage {
  readonly device: DevicePrincipal;
  /** Values of the pattern's parameters besides `deviceId`, e.g. `metric`, `requestId`. */
  readonly params: Readonly<Record<string, string>>;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  /** Left at CONNECT and published now that the connection broke: the device itself is not there. */
  readonly lastWill: boolean;
}

/**
 * The packet is acknowledged when the promise resolves. A `Problem` is acknowledged too and reported on the device's `errors` topic
 * (otherwise QoS 1 would repeat it for ever); any other error, or Problem of status 503, leaves it unacknowledged.
 */
export type TopicHandler = (message: TopicMessage) => Promise<void>;

/** Told what happens on the devices' connections, whatever the topic. Must return at once. */
export interface DeviceObserver {
  /** It published something. */
  heard?(device: DevicePrincipal): void;
  connected?(device: DevicePrincipal): void;
  /** It has just subscribed and can be sent what waits for it. */
  subscribed?(device: DevicePrincipal): void;
  /** `goodbye`: in good order; `stillConnected`: connections of the device that are left. */
  disconnected?(device: DevicePrincipal, how: { readonly goodbye: boolean; readonly stillConnected: number }): void;
}

export interface TopicGate {
  onTopic(topic: Topic, handler: TopicHandler): void;
  observe(observer: DeviceObserver): void;
}
