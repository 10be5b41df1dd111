import type { Topic } from '@valtronics/contract';
import type { DevicePrincipal } from '../access/principal.ts';

/** One message a device published, already authenticated, limited and matched to its declared topic. */
export interface TopicMessage {
  readonly device: DevicePrincipal;
  /** Values of the pattern's parameters besides `deviceId`, e.g. `metric`, `requestId`. */
  readonly params: Readonly<Record<string, string>>;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
}

/**
 * The packet is acknowledged when the promise resolves. A `Problem` is acknowledged too and reported on the device's `errors` topic
 * (otherwise QoS 1 would repeat it for ever); any other error, or Problem of status 503, leaves it unacknowledged.
 */
export type TopicHandler = (message: TopicMessage) => Promise<void>;

export interface TopicGate {
  onTopic(topic: Topic, handler: TopicHandler): void;
}
