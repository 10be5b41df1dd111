import type { Point } from '@valtronics/contract';
import type { Backoff } from './backoff.ts';

export interface Command {
  readonly requestId: string;
  readonly name: string;
  readonly payload: unknown;
}

/** Answers a command; what it returns is sent back beside `status: 'ok'`, what it throws as `status: 'error'`. */
export type CommandHandler = (
  command: Command,
) => Readonly<Record<string, unknown>> | Promise<Readonly<Record<string, unknown>>>;

export interface LinkCounts {
  /** Taken by `send` and neither answered for nor dropped yet. */
  readonly queued: number;
  /** Answered for by the server, once they were durable or refused. */
  readonly acknowledged: number;
  /** Of those acknowledged: not stored, by the server's own word. */
  readonly rejected: number;
  /** Given up because the queue was full or the link was closed or refused. */
  readonly dropped: number;
  readonly reconnects: number;
}

/** A device's line to the server, whatever the transport. */
export interface DeviceLink {
  /**
   * Takes the points; they are on their way, not yet acknowledged. Waits while the queue is full (`whenFull: 'wait'`), and rejects
   * once the link is closed or the server has refused the device for good (`LinkRefused`).
   */
  send(points: readonly Point[]): Promise<void>;
  /** Resolves when everything taken has been answered for. */
  flush(): Promise<void>;
  /** Only MQTT carries commands; over HTTP and WebSocket the handler is never called. */
  onCommand(handler: CommandHandler): void;
  counts(): LinkCounts;
  /** Ends the line. What is still queued counts as dropped: `flush` first to avoid that. */
  close(): Promise<void>;
}

export interface LinkOptions {
  readonly deviceId: string;
  readonly token: string;
  /** Certificate authority the server's certificate must come from (PEM); the system's own unless told. */
  readonly ca?: string | Buffer | undefined;
  /** At most this many points wait; 10,000 unless told. */
  readonly queuePoints?: number | undefined;
  /** What happens to points beyond that: the sender waits, or the oldest make room and are counted. `drop-oldest` unless told. */
  readonly whenFull?: 'wait' | 'drop-oldest' | undefined;
  /** Points in one message; 500 unless told. */
  readonly batchPoints?: number | undefined;
  /** For connecting; 10 s unless told. */
  readonly connectTimeoutMs?: number | undefined;
  /** For the answer to one message; 60 s unless told, since a server under pressure answers late rather than never. */
  readonly answerTimeoutMs?: number | undefined;
  readonly backoff?: Backoff | undefined;
  /** What somebody running the fleet should know; never contains the token. */
  readonly onProblem?: ((text: string) => void) | undefined;
}

export const defaults = { connectTimeoutMs: 10_000, answerTimeoutMs: 60_000, batchPoints: 500, queuePoints: 10_000 };

/** The server knows this device or token no longer: trying again would only look like an attack. */
export class LinkRefused extends Error {
  override readonly name = 'LinkRefused';
}

/** The server asks for patience; `afterMs` is what it asked for, if it said. */
export class PushedBack extends Error {
  override readonly name = 'PushedBack';
  readonly afterMs: number | undefined;
  constructor(message: string, afterMs?: number) {
    super(message);
    this.afterMs = afterMs;
  }
}

/** This message is wrong in itself and would be refused again. */
export class MessageRefused extends Error {
  override readonly name = 'MessageRefused';
}

/** The connection went away before the answer came; the message goes out again on the next one. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

const MOST_PATIENCE_MS = 300_000;

/** The wait a server asked for in milliseconds; an absurd wish is cut to five minutes, no number is no wish. */
export function patienceMs(seconds: number): number | undefined {
  return Number.isFinite(seconds) ? Math.min(MOST_PATIENCE_MS, Math.max(0, seconds * 1000)) : undefined;
}
