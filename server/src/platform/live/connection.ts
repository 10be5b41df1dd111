import type { IncomingHttpHeaders } from 'node:http';
import type { Duplex } from 'node:stream';
import { liveCloseCodes } from '@valtronics/contract';
import type { WebSocket } from 'ws';
import type { Metrics } from '../metrics/metrics.ts';
import { createOutbox, type OutboxLimits, type OutgoingMessage } from './outbox.ts';

/** What the handshake said. */
export interface Handshake {
  readonly address: string;
  /** The key under which the address is counted. */
  readonly addressKey: string;
  readonly cookie: string | undefined;
  readonly origin: string | undefined;
  readonly userAgent: string | undefined;
}

/** A handshake before it is answered, with all that it said. */
export interface AskedHandshake extends Handshake {
  /** The address line as it came; what it says besides our path is used for nothing. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  /** It asks for what is not there, and will be told so unless it is turned away for something else. */
  readonly isElsewhere: boolean;
}

/** Why a connection is not read from at the moment; it is read from when there is no reason left. */
export type HoldReason = 'outbox' | 'handling' | 'checking';

/** One open WebSocket. */
export interface LiveConnection {
  readonly id: string;
  readonly handshake: Handshake;
  /** False from the moment it is being closed; nothing is received or sent any more. */
  readonly isOpen: boolean;
  /** Closes with 1009 once more than so many bytes have come from now on; null lifts that. For peers that nobody knows yet. */
  limitReceived(bytes: number | null): void;
  /** Returns at once. A reader too slow even for what may be left out is closed with 4408. */
  send(message: OutgoingMessage, coalesceKey?: string): void;
  /** Forgets waiting messages whose coalesce key begins so. */
  discard(keyPrefix: string): void;
  hold(reason: HoldReason): void;
  release(reason: HoldReason): void;
  close(code: number, reason: string): void;
  /** Who receives what comes from now on; the last one told takes the place of the one before. */
  onMessage(listener: (text: string) => void): void;
  /** Called once, whoever ends it; at once if it has ended. */
  onEnd(listener: (code: number) => void): void;
}

export interface ConnectionOptions {
  readonly id: string;
  readonly handshake: Handshake;
  readonly socket: WebSocket;
  /** The stream below, to write what one turn of the event loop produces in one go. */
  readonly stream: Duplex;
  readonly outbox: OutboxLimits;
  readonly metrics: Pick<Metrics, 'liveSent' | 'liveSkipped' | 'liveClosed'>;
  /** How long a peer has to answer our close before its socket is destroyed. */
  readonly closeGraceMs: number;
}

const MAX_PINGS_A_BEAT = 200;

/** The server's own view of a connection. */
export interface OwnedConnection extends LiveConnection {
  /** One beat of the heart: ends a peer that gave no sign of life since the last one, asks the others for one. */
  beat(): void;
  destroy(): void;
}

export function openConnection(options: ConnectionOptions): OwnedConnection {
  const { socket, stream, metrics, handshake } = options;
  const holds = new Set<HoldReason>();
  // Pausing stops the next read; what the last one brought (64 KiB can hold thousands of small messages) is still parsed and waits here.
  const received: string[] = [];
  let deliver = (_text: string): void => {};
  const endListeners: ((code: number) => void)[] = [];
  let bytesLeft = 0;
  let open = true;
  let endedWith: number | undefined;
  let closedWith: number | undefined;
  let alive = true;
  let pings = 0;
  let corked = false;

  // A frame is a write, and each write a TLS record and a system call. Held until the end of this turn, a hundred messages to one
  // reader leave as one.
  function writeSoon(text: string): void {
    if (!corked) {
      corked = true;
      stream.cork();
      process.nextTick(() => {
        corked = false;
        stream.uncork();
      });
    }
    socket.send(text, written);
  }

  function written(error?: Error | null): void {
    if (error || !open) return;
    // With a backlog, something leaving our buffer means that the peer takes data: slow, but there.
    if (socket.bufferedAmount > 0) alive = true;
    outbox.drain();
    if (!outbox.isBehind) release('outbox');
  }

  const outbox = createOutbox({ buffered: () => socket.bufferedAmount, write: writeSoon }, options.outbox, {
    sent: metrics.liveSent,
    skipped: metrics.liveSkipped,
  });

  function hold(reason: HoldReason): void {
    holds.add(reason);
    if (open) socket.pause();
  }

  function release(reason: HoldReason): void {
    if (!holds.delete(reason)) return;
    while (open && holds.size === 0 && received.length > 0) deliver(received.shift() ?? '');
    if (open && holds.size === 0) socket.resume();
  }

  function close(code: number, reason: string): void {
    if (!open) return;
    open = false;
    closedWith = code;
    // Read on, or the peer's answer to the close would never be seen; what else comes is thrown away.
    socket.resume();
    socket.close(code, reason);
    // A peer that does not read cannot be told. After the grace its socket goes, close frame or not.
    setTimeout(() => socket.terminate(), options.closeGraceMs).unref();
  }

  // Below the frames: a frame that never ends is never a message, and would be kept up to the frame limit.
  function countBytes(chunk: Buffer): void {
    bytesLeft -= chunk.length;
    if (bytesLeft < 0) close(1009, 'too much before signing in');
  }

  socket.on('message', (data, isBinary) => {
    if (!open) return;
    alive = true;
    if (isBinary) return close(1003, 'text only');
    const text = data.toString();
    if (holds.size > 0) received.push(text);
    else deliver(text);
  });
  socket.on('pong', () => {
    alive = true;
  });
  socket.on('ping', (data) => {
    if (!open) return;
    alive = true;
    pings += 1;
    if (pings > MAX_PINGS_A_BEAT) return close(liveCloseCodes.tooFast, 'too many pings');
    // Answering a peer that does not read would only pile up answers.
    if (socket.bufferedAmount < options.outbox.slowBytes) socket.pong(data, false, written);
  });
  // Protocol faults (a frame too large, bad UTF-8): the library has already sent the fitting close.
  socket.on('error', () => {
    open = false;
    setTimeout(() => socket.terminate(), options.closeGraceMs).unref();
  });
  socket.on('close', (code) => {
    open = false;
    endedWith = closedWith ?? code;
    metrics.liveClosed(endedWith);
    for (const listener of endListeners) listener(endedWith);
  });

  return {
    id: options.id,
    handshake,
    get isOpen() {
      return open;
    },
    limitReceived(bytes) {
      stream.off('data', countBytes);
      if (bytes === null) return;
      bytesLeft = bytes;
      stream.on('data', countBytes);
    },
    send(message, coalesceKey) {
      if (!open) return;
      if (!outbox.send(message, coalesceKey)) return close(liveCloseCodes.tooSlow, 'too slow');
      // Who does not read our answers need not ask more.
      if (outbox.isBehind) hold('outbox');
    },
    discard: outbox.discard,
    hold,
    release,
    close,
    onMessage: (listener) => {
      deliver = listener;
    },
    onEnd: (listener) => {
      if (endedWith === undefined) endListeners.push(listener);
      else listener(endedWith);
    },
    beat() {
      pings = 0;
      // While we do not read for reasons of our own, a pong cannot arrive; that is not the peer's fault.
      const heldByUs = holds.has('handling') || holds.has('checking');
      if (!alive && !heldByUs) return socket.terminate();
      alive = false;
      if (open) socket.ping(undefined, undefined, written);
    },
    destroy: () => socket.terminate(),
  };
}
