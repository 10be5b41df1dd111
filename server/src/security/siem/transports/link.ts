import type { StoredEvent } from '../destination.ts';

export interface HandedOver {
  /** How many of them the receiver will never take; it took the others. */
  readonly refused: number;
  /** What it said, for whoever tests a destination. */
  readonly answer: string;
}

/** The way to one receiver. Whatever goes wrong is an OutboundError, whose message may be shown. */
export interface Link {
  /** Whether `send` resolves only when the events have arrived. */
  readonly acknowledges: boolean;
  /** Connects now, where a connection is kept; so that its end is heard of although nothing is sent. */
  connect(signal: AbortSignal): Promise<void>;
  /** Hands over events in their order; resolves when that is done as far as can be known. */
  send(events: readonly StoredEvent[], signal: AbortSignal): Promise<HandedOver>;
  /** Why what was sent may not have arrived, once the receiver broke off; undefined while nothing is known to be wrong. */
  fault(): Error | undefined;
  /**
   * For a receiver that acknowledges nothing: ends the connection in order and resolves when the receiver has read all of it, save perhaps
   * what was sent in the moments before. The next `send` opens another one.
   */
  confirm(): Promise<void>;
  /** What was written still leaves, unless that takes too long; resolves when nothing more of it can arrive. */
  close(): Promise<void>;
}
