import type { Socket } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import type { MqttLimits } from './limits.ts';

export interface Strangers {
  /** A connection has opened and has proven nothing. May close an older one of the same address, or of all, to make room. */
  arrived(socket: Socket, address: string): void;
  /** The connection has proven who it is. */
  isKnown(socket: Socket): void;
  /** Closes those that have taken too long. */
  sweep(): void;
  closeAll(): void;
  readonly size: number;
}

/**
 * Connections between TCP and an accepted CONNECT. Their number is bounded for each address and for all, and the oldest goes when one
 * more comes: a real client is through in a few milliseconds, an idle socket is always the oldest. Refusing newcomers instead would
 * let one machine behind a hospital's address shut out all the others.
 */
export function createStrangers(limits: MqttLimits, clock: Clock): Strangers {
  // A Map and a Set iterate in the order of insertion: the first is the oldest.
  const all = new Map<Socket, { address: string; since: number }>();
  const byAddress = new Map<string, Set<Socket>>();

  function forget(socket: Socket): void {
    const entry = all.get(socket);
    if (!entry) return;
    all.delete(socket);
    const ofAddress = byAddress.get(entry.address);
    ofAddress?.delete(socket);
    if (ofAddress?.size === 0) byAddress.delete(entry.address);
  }

  function evict(socket: Socket | undefined): void {
    if (!socket) return;
    forget(socket);
    socket.destroy();
  }

  return {
    arrived(socket, address) {
      const ofAddress = byAddress.get(address) ?? new Set();
      if (ofAddress.size >= limits.strangersPerAddress) evict(ofAddress.keys().next().value);
      else if (all.size >= limits.strangers) evict(all.keys().next().value);
      all.set(socket, { address, since: clock.now() });
      byAddress.set(address, ofAddress.add(socket));
      socket.once('close', () => forget(socket));
    },
    isKnown: forget,
    sweep() {
      const oldest = clock.now() - limits.strangerMs;
      for (const [socket, { since }] of all) {
        if (since > oldest) return;
        evict(socket);
      }
    },
    closeAll() {
      for (const socket of all.keys()) evict(socket);
    },
    get size() {
      return all.size;
    },
  };
}
