import type { Socket } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import type { MqttLimits } from './limits.ts';
import { createPacketGuard } from './packet-guard.ts';

/**
 * Messages of one read wait for their commit together, so this times the number of connections is what a fleet that sends as fast as it
 * can has in our memory. Enough for some seventy messages; more only gives the garbage collector more to carry about.
 */
const READ_BYTES = 8192;

/** What all connections together hold in memory on behalf of their clients. */
export interface IntakeBudget {
  heldBytes: number;
  unfinishedBytes: number;
  /** Called when memory becomes free again; each wakes one connection that stopped reading for the sake of the total. */
  readonly waiting: Set<() => void>;
}

export const newIntakeBudget = (): IntakeBudget => ({ heldBytes: 0, unfinishedBytes: 0, waiting: new Set() });

export interface Intake {
  /** Counts a publish whose handler is at work; reading stops at the limits. */
  hold(bytes: number): void;
  release(bytes: number): void;
  /** The client has proven who it is: what it sent behind CONNECT may be read. */
  admit(): void;
  /** Nothing is read any more. */
  stop(): void;
  /** Gives back what is counted for this connection. */
  close(): void;
  readonly held: number;
  readonly saidGoodbye: boolean;
  /** When bytes last arrived. */
  readonly lastHeardAt: number;
  /** Since when a packet has been arriving, unless it is us who do not read. */
  unfinishedSince(): number | undefined;
  /** Whether it is us who keep the client waiting. */
  isBlocked(): boolean;
}

/**
 * Stands between a socket and aedes. aedes takes its bytes by calling `read` on the stream it was given, so a `read` of our own on
 * that one socket sees every byte before the parser does and can answer "nothing yet": that is all there is to the byte limits and to
 * push-back. (`client.pause()` of aedes cannot be used for it: packets that finish during a pause are never counted as finished, and
 * reading stays stopped for good.) Unread bytes stay in the socket, fill TCP's window and stop the sender.
 */
export function openIntake(deps: {
  socket: Socket;
  limits: MqttLimits;
  budget: IntakeBudget;
  clock: Clock;
  onViolation: (fault: string) => void;
}): Intake {
  const { socket, limits, budget, clock, onViolation } = deps;
  const guard = createPacketGuard(limits);
  const takeFromSocket = socket.read.bind(socket);
  let state: 'stranger' | 'authenticating' | 'open' | 'stopped' = 'stranger';
  let held = 0;
  let heldBytes = 0;
  let unfinishedBytes = 0;
  let unfinishedPacket = 0;
  let unfinishedSince = 0;
  let lastHeardAt = clock.now();

  const isBlocked = () =>
    held >= limits.heldPackets || heldBytes >= limits.heldBytes || budget.heldBytes >= limits.heldBytesInTotal;
  // aedes reads when it hears `readable`.
  const wake = () => {
    socket.emit('readable');
  };

  function mayRead(): boolean {
    if (state === 'authenticating' || state === 'stopped') return false;
    if (!isBlocked()) return true;
    if (budget.heldBytes >= limits.heldBytesInTotal) budget.waiting.add(wake);
    unfinishedSince = 0; // the client cannot end its packet while we do not read
    return false;
  }

  /** How much to read at once; undefined is everything there is. A long packet is not cut up further than it comes. */
  function portion(): number | undefined {
    return guard.unfinishedBytes() > READ_BYTES ? undefined : Math.min(socket.readableLength, READ_BYTES) || undefined;
  }

  function countUnfinished(): string | undefined {
    const now = guard.unfinishedBytes();
    budget.unfinishedBytes += now - unfinishedBytes;
    const grew = now > unfinishedBytes;
    unfinishedBytes = now;
    if (guard.packets() !== unfinishedPacket || unfinishedSince === 0) {
      unfinishedPacket = guard.packets();
      unfinishedSince = lastHeardAt;
    }
    return grew && budget.unfinishedBytes > limits.unfinishedBytesInTotal ? 'too much is arriving at once' : undefined;
  }

  /** Until the client is known, the parser gets CONNECT and not a byte more, so a stranger's packets cost us nothing. */
  function onlyConnect(chunk: Buffer): Buffer {
    const end = guard.endOfFirstPacket(chunk);
    if (end === undefined) return chunk;
    state = 'authenticating';
    if (end < chunk.length) socket.unshift(chunk.subarray(end));
    return chunk.subarray(0, end);
  }

  /** The next piece for the parser; null when there is none for now, or never again. */
  function take(size: number | undefined): Buffer | null {
    const read: Buffer | null = mayRead() ? takeFromSocket(size ?? portion()) : null;
    if (read === null) return null;
    const chunk = state === 'stranger' ? onlyConnect(read) : read;
    lastHeardAt = clock.now();
    const fault = guard.inspect(chunk, lastHeardAt) ?? countUnfinished();
    if (fault === undefined) return chunk;
    state = 'stopped';
    onViolation(fault);
    return null;
  }

  socket.read = (size?: number) => {
    if (size === 0) return takeFromSocket(0);
    const packets = guard.packets();
    let taken = take(size);
    // aedes comes back for more when a packet is done, or when more arrives. What is here already must go with what ends no packet.
    while (taken !== null && guard.packets() === packets) {
      const more = take(size);
      if (more === null) break;
      taken = Buffer.concat([taken, more]);
    }
    return state === 'stopped' ? null : taken;
  };

  return {
    hold(bytes) {
      held += 1;
      heldBytes += bytes;
      budget.heldBytes += bytes;
    },
    release(bytes) {
      held -= 1;
      heldBytes -= bytes;
      budget.heldBytes -= bytes;
      if (budget.waiting.size === 0 || budget.heldBytes >= limits.heldBytesInTotal) return;
      const sleepers = [...budget.waiting];
      budget.waiting.clear();
      for (const awaken of sleepers) setImmediate(awaken);
    },
    admit() {
      if (state === 'authenticating') state = 'open';
    },
    stop() {
      state = 'stopped';
    },
    close() {
      state = 'stopped';
      budget.unfinishedBytes -= unfinishedBytes;
      unfinishedBytes = 0;
      budget.waiting.delete(wake);
    },
    get held() {
      return held;
    },
    get saidGoodbye() {
      return guard.saidGoodbye();
    },
    get lastHeardAt() {
      return lastHeardAt;
    },
    unfinishedSince: () => (unfinishedBytes > 0 && unfinishedSince > 0 ? unfinishedSince : undefined),
    isBlocked,
  };
}
