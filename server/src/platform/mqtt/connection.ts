import type { Socket } from 'node:net';
import type { Client } from 'aedes';
import type { ClientCertificate } from '../tls/client-certificate.ts';
import type { Intake } from './intake.ts';

/** A client whose CONNECT was accepted. `context` is whatever `authenticate` gave for it. */
export interface MqttConnection<T> {
  readonly identity: string;
  readonly clientId: string;
  readonly address: string;
  readonly context: T;
}

/** Everything the broker knows of one connection, from its first byte on. */
export interface ConnectionRecord<T> {
  readonly client: Client;
  readonly socket: Socket;
  readonly transport: Socket;
  readonly intake: Intake;
  readonly address: string;
  readonly certificate: ClientCertificate | undefined;
  /** Granted filters and their QoS. */
  readonly filters: Map<string, number>;
  /** Messages of QoS 1 on their way to the client, by packet number. */
  readonly unacknowledged: Map<number, () => void>;
  /** The last will object of CONNECT: aedes hands this very object back when it is due. */
  will: unknown;
  /** CONNECT asked for a session that outlives the connection; there are none here. */
  askedForSession: boolean;
  silenceLimitMs: number;
  accepted: MqttConnection<T> | undefined;
  expiresAt: number;
  ready: boolean;
  /** We end it (revoked, shutdown, overload): its last will says nothing true and is not published. */
  endedByUs: boolean;
  closed: boolean;
  lastPacketNumber: number;
}

export interface ConnectionIndex<T> {
  readonly size: number;
  add(record: ConnectionRecord<T>, identity: string): void;
  remove(record: ConnectionRecord<T>): void;
  /** Oldest first. */
  of(identity: string): ReadonlySet<ConnectionRecord<T>>;
  all(): Iterable<ConnectionRecord<T>>;
}

const none: ReadonlySet<never> = new Set<never>();

/** Accepted connections, found by who they are. */
export function createConnectionIndex<T>(): ConnectionIndex<T> {
  const byIdentity = new Map<string, Set<ConnectionRecord<T>>>();
  const all = new Set<ConnectionRecord<T>>();
  return {
    get size() {
      return all.size;
    },
    add(record, identity) {
      all.add(record);
      byIdentity.set(identity, (byIdentity.get(identity) ?? new Set()).add(record));
    },
    remove(record) {
      if (!all.delete(record) || !record.accepted) return;
      const { identity } = record.accepted;
      const siblings = byIdentity.get(identity);
      siblings?.delete(record);
      if (siblings?.size === 0) byIdentity.delete(identity);
    },
    of: (identity) => byIdentity.get(identity) ?? none,
    all: () => all,
  };
}
