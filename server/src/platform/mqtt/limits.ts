/** What one client, one address and all of them together may cost us. */
export interface MqttLimits {
  /** CONNECT carries nothing but names, a token and perhaps a short last will. */
  readonly connectBytes: number;
  /** A whole PUBLISH: topic and payload. */
  readonly publishBytes: number;
  /** Every other packet, SUBSCRIBE above all. */
  readonly controlBytes: number;
  /** Packets of a connection other than publishes and what goes with them: at once, and each second on the long run. */
  readonly controlBurst: number;
  readonly controlPerSecond: number;
  /** Publishes of one connection whose handler has not answered; reading stops there. */
  readonly heldPackets: number;
  readonly heldBytes: number;
  /** The same over all connections. */
  readonly heldBytesInTotal: number;
  /** Declared bytes of packets that have begun but not ended, over all connections. */
  readonly unfinishedBytesInTotal: number;
  /** A packet that has begun must have ended by then, however slowly it drips. */
  readonly unfinishedMs: number;
  readonly connections: number;
  /** Open connections of one identity; the oldest goes when another comes. */
  readonly connectionsPerIdentity: number;
  /** Connections of one address that have not proven who they are; the oldest goes when another comes. */
  readonly strangersPerAddress: number;
  readonly strangers: number;
  /** TLS handshake. */
  readonly handshakeMs: number;
  /** From the end of the handshake to CONNECT. */
  readonly connectMs: number;
  /** From the first byte of TCP to an accepted CONNECT. */
  readonly strangerMs: number;
  readonly authenticateMs: number;
  /** Longest keepalive granted; a client that asks for none gets this one. */
  readonly keepaliveSeconds: number;
  readonly clientIdLength: number;
  readonly subscriptions: number;
  readonly filterLength: number;
  /** Bytes waiting to be taken by a slow reader; nothing more is handed to it above. */
  readonly outgoingBytes: number;
  /** After a handler failed without an answer for the client: how long until the connection ends, so that it sends again. */
  readonly retryAfterMs: number;
  /** How long `close` waits for handlers that are at work. */
  readonly drainMs: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;

export const defaultMqttLimits: MqttLimits = {
  connectBytes: 16 * KIB,
  publishBytes: MIB + 64 * KIB,
  controlBytes: 8 * KIB,
  controlBurst: 2000,
  controlPerSecond: 200,
  heldPackets: 1000,
  heldBytes: 4 * MIB,
  heldBytesInTotal: 64 * MIB,
  unfinishedBytesInTotal: 64 * MIB,
  unfinishedMs: 30_000,
  connections: 20_000,
  connectionsPerIdentity: 10,
  strangersPerAddress: 200,
  strangers: 2000,
  handshakeMs: 5000,
  connectMs: 5000,
  strangerMs: 12_000,
  authenticateMs: 5000,
  keepaliveSeconds: 1200,
  clientIdLength: 128,
  subscriptions: 20,
  filterLength: 256,
  outgoingBytes: 256 * KIB,
  retryAfterMs: 2000,
  drainMs: 10_000,
};
