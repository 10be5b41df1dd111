import { Readable } from 'node:stream';
import type { Client } from 'aedes';

interface NumberedPacket {
  readonly messageId?: number;
}

export interface SessionState {
  /** Whether this QoS 2 packet was taken over already, so that its repetition must not be handled again. */
  wasReceived(client: Client, messageId: number): boolean;
  /** What aedes calls its persistence. */
  readonly persistence: object;
}

/**
 * What the broker keeps of a client, which is next to nothing: sessions end with the connection (a CONNECT that asks for an old one is
 * told that there is none), nothing is retained, nothing is queued for whoever is away, so no client can make memory grow by coming
 * with ever new client ids. Left over are the numbers of QoS 2 packets between PUBREC and PUBREL — the numbers, not the payloads.
 */
export function createSessionState(onAcknowledged: (client: Client, messageId: number) => void): SessionState {
  const received = new WeakMap<Client, Set<number>>();
  const nothing = async (): Promise<void> => {};
  const noPackets = () => Readable.from([]);

  function numberOf(packet: NumberedPacket): number {
    return packet.messageId ?? 0;
  }

  const persistence = {
    setup: nothing,
    destroy: nothing,
    subscriptionsByClient: async () => [],
    subscriptionsByTopic: async () => [],
    addSubscriptions: nothing,
    removeSubscriptions: nothing,
    cleanSubscriptions: nothing,
    storeRetained: nothing,
    createRetainedStreamCombi: noPackets,
    outgoingStream: noPackets,
    outgoingEnqueue: nothing,
    outgoingEnqueueCombi: nothing,
    outgoingUpdate: nothing,
    async outgoingClearMessageId(client: Client, packet: NumberedPacket): Promise<undefined> {
      onAcknowledged(client, numberOf(packet));
      return undefined;
    },
    // aedes asks first whether a QoS 2 packet is known and expects a refusal when it is not.
    async incomingGetPacket(client: Client, packet: NumberedPacket): Promise<NumberedPacket> {
      if (!received.get(client)?.has(numberOf(packet))) throw new Error('no such packet');
      return packet;
    },
    async incomingStorePacket(client: Client, packet: NumberedPacket): Promise<void> {
      const numbers = received.get(client);
      if (numbers) numbers.add(numberOf(packet));
      else received.set(client, new Set([numberOf(packet)]));
    },
    async incomingDelPacket(client: Client, packet: NumberedPacket): Promise<void> {
      received.get(client)?.delete(numberOf(packet));
    },
    async cleanIncoming(client: Client): Promise<void> {
      received.delete(client);
    },
    putWill: nothing,
    getWill: async () => undefined,
    delWill: nothing,
    streamWill: noPackets,
  };

  return { persistence, wasReceived: (client, messageId) => received.get(client)?.has(messageId) ?? false };
}
