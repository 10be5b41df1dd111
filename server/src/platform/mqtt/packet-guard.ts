import type { MqttLimits } from './limits.ts';

// The first nibble of a packet's fixed header (MQTT 3.1.1, table 2.1).
const CONNECT = 1;
const PUBLISH = 3;
const DISCONNECT = 14;
/** What a client may send: CONNECT, PUBLISH, the acknowledgements of both directions, (UN)SUBSCRIBE, PINGREQ, DISCONNECT. */
const FROM_CLIENTS: ReadonlySet<number> = new Set([CONNECT, PUBLISH, 4, 5, 6, 7, 8, 10, 12, DISCONNECT]);
const LENGTH_BYTES = 4;

export interface PacketGuard {
  /**
   * Follows the packet borders through bytes on their way to the parser. Returns what is wrong with them, and then they must not get
   * there. The parser collects a packet until it is whole, however long it says it is, so length is judged on the fixed header: nothing
   * of an oversize packet is kept, and one announced 120 MB CONNECT costs us five bytes.
   */
  inspect(chunk: Buffer, now: number): string | undefined;
  /** Where the first packet ends in this chunk, if it does. To be asked before `inspect` sees the chunk. */
  endOfFirstPacket(chunk: Buffer): number | undefined;
  /** Declared bytes of the packet that has begun and not ended. */
  unfinishedBytes(): number;
  /** Packets that have ended. */
  packets(): number;
  /** Whether the client said goodbye (DISCONNECT): its last will is void. */
  saidGoodbye(): boolean;
}

type Bounds = Pick<MqttLimits, 'connectBytes' | 'publishBytes' | 'controlBytes' | 'controlBurst' | 'controlPerSecond'>;
const MAX_CREDIT = 40_000;

export function createPacketGuard(bounds: Bounds): PacketGuard {
  let packets = 0;
  let type = 0;
  /** Bytes of the length field read so far; -1 between packets. */
  let lengthBytes = -1;
  let length = 0;
  let remaining = 0;
  let goodbye = false;
  // A ping is two bytes and costs an answer, so one read could hold thousands of them. Publishes are slowed down by their handlers and
  // earn the right to the packets that go with them (PUBREL); the rest has an allowance.
  let credit = bounds.controlBurst;
  let creditAt = 0;

  function limitOf(packetType: number): number {
    if (packetType === PUBLISH) return bounds.publishBytes;
    return packetType === CONNECT ? bounds.connectBytes : bounds.controlBytes;
  }

  function begin(header: number): string | undefined {
    type = header >> 4;
    if (!FROM_CLIENTS.has(type)) return 'not a packet that clients send';
    if ((packets === 0) !== (type === CONNECT)) return packets === 0 ? 'not CONNECT first' : 'CONNECT twice';
    lengthBytes = 0;
    length = 0;
    return undefined;
  }

  function end(): string | undefined {
    packets += 1;
    lengthBytes = -1;
    remaining = 0;
    length = 0;
    if (type === DISCONNECT) goodbye = true;
    credit = type === PUBLISH ? Math.min(credit + 1, MAX_CREDIT) : credit - 1;
    return credit < 0 ? 'too many packets' : undefined;
  }

  function refill(now: number): void {
    if (creditAt === 0) creditAt = now;
    if (now - creditAt < 1000) return;
    const earned = ((now - creditAt) / 1000) * bounds.controlPerSecond;
    creditAt = now;
    credit = Math.max(credit, Math.min(credit + earned, bounds.controlBurst));
  }

  /** One more byte of the length field. */
  function extendLength(byte: number): string | undefined {
    length += (byte & 127) * 128 ** lengthBytes;
    lengthBytes += 1;
    if (length > limitOf(type)) return 'packet too large';
    if (byte & 128) return lengthBytes === LENGTH_BYTES ? 'malformed length' : undefined;
    remaining = length;
    return remaining === 0 ? end() : undefined;
  }

  return {
    inspect(chunk, now) {
      refill(now);
      let at = 0;
      while (at < chunk.length) {
        if (remaining > 0) {
          const step = Math.min(remaining, chunk.length - at);
          remaining -= step;
          at += step;
          const fault = remaining === 0 ? end() : undefined;
          if (fault) return fault;
          continue;
        }
        const byte = chunk[at] ?? 0;
        at += 1;
        const fault = lengthBytes < 0 ? begin(byte) : extendLength(byte);
        if (fault) return fault;
      }
      return undefined;
    },
    endOfFirstPacket(chunk) {
      if (packets > 0) return 0;
      if (remaining > 0) return remaining <= chunk.length ? remaining : undefined;
      let at = lengthBytes < 0 ? 1 : 0;
      let total = lengthBytes < 0 ? 0 : length;
      for (let read = Math.max(0, lengthBytes); read < LENGTH_BYTES; read += 1) {
        const byte = chunk[at];
        if (byte === undefined) return undefined;
        at += 1;
        total += (byte & 127) * 128 ** read;
        if (!(byte & 128)) return at + total <= chunk.length ? at + total : undefined;
      }
      return undefined;
    },
    unfinishedBytes: () => (lengthBytes < 0 ? 0 : length),
    packets: () => packets,
    saidGoodbye: () => goodbye,
  };
}
