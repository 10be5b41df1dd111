import type { ClientCertificate } from '../tls/client-certificate.ts';
import type { MqttConnection } from './connection.ts';
import type { OutgoingMessage } from './delivery.ts';
import type { Listening, TlsListening, TlsListenOptions } from './listeners.ts';

/** What a CONNECT says, before anything of it is believed. */
export interface ConnectAttempt {
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: Buffer | undefined;
  readonly address: string;
  readonly certificate: ClientCertificate | undefined;
}

export type ConnectDecision<T> =
  | {
      readonly accept: true;
      /** Who it is. Client ids are private to an identity: nobody can take over another one's connection. Holds no `/`. */
      readonly identity: string;
      readonly context: T;
      /** The connection ends then. */
      readonly expiresAt: Date | null;
    }
  | { readonly accept: false; readonly code: RefusalCode };

/** CONNACK: identifier rejected, server unavailable, bad user name or password, not authorized. */
export type RefusalCode = 2 | 3 | 4 | 5;

export interface IncomingMessage {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  /** Published by the broker on behalf of a client that went without saying goodbye. */
  readonly lastWill: boolean;
}

export interface MqttHandlers<T> {
  authenticate(attempt: ConnectAttempt): Promise<ConnectDecision<T>>;
  authorizeSubscribe(connection: MqttConnection<T>, filter: string): boolean;
  /**
   * The packet is acknowledged when this returns or its promise resolves. If it rejects, the packet is not acknowledged and the
   * connection ends a little later, so that the client sends it again.
   */
  onPublish(connection: MqttConnection<T>, message: IncomingMessage): Promise<void> | undefined;
  /** After the SUBACK has been written. */
  onSubscribed?(connection: MqttConnection<T>): void;
  onConnected?(connection: MqttConnection<T>): void;
  /** `goodbye`: the client sent DISCONNECT; `stillConnected`: how many connections the identity has left. */
  onDisconnected?(
    connection: MqttConnection<T>,
    how: { readonly goodbye: boolean; readonly stillConnected: number },
  ): void;
}

/**
 * An MQTT 3.1.1 broker that routes nothing: what clients publish goes to one handler, and only the server sends to clients. So there is
 * no way from one client to another, nothing retained and nothing queued.
 */
export interface MqttBroker<T> {
  listenTls(options: TlsListenOptions): Promise<TlsListening>;
  /** Without TLS, on loopback only. */
  listenPlain(options: { host: string; port: number }): Promise<Listening>;
  /**
   * Hands a message to every connection of the identity that subscribed to its topic, and returns to how many.
   * `onAcknowledged` is called once, when the first of them has confirmed it (QoS 1).
   */
  deliver(identity: string, message: OutgoingMessage, onAcknowledged?: () => void): number;
  /** Ends connections without publishing their last wills. Returns how many. */
  disconnect(which: (connection: MqttConnection<T>) => boolean, reason: string): number;
  isConnected(identity: string): boolean;
  /** As they are now. */
  connections(): MqttConnection<T>[];
  /** Accepted connections; those that have not proven who they are; bytes held for handlers at work. */
  counts(): { readonly connections: number; readonly strangers: number; readonly heldBytes: number };
  /** Takes nothing more, waits for handlers at work so that what became durable is acknowledged, then ends every connection. */
  close(): Promise<void>;
}
