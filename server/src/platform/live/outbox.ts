export type OutgoingMessage = Readonly<Record<string, unknown>>;

/** Where the bytes go. `buffered` counts what was written and has not left the process yet. */
export interface Sink {
  buffered(): number;
  write(text: string): void;
}

export interface OutboxLimits {
  /** Above this many buffered bytes the reader counts as slow and messages wait here instead. */
  readonly slowBytes: number;
  /** Messages that may not be left out. */
  readonly queuedMessages: number;
  readonly queuedCharacters: number;
  /** Different keys of which the newest message is kept. */
  readonly coalescedKeys: number;
}

export const outboxLimits: OutboxLimits = {
  slowBytes: 256 * 1024,
  queuedMessages: 1000,
  queuedCharacters: 4 * 1024 * 1024,
  coalescedKeys: 10_000,
};

export interface Outbox {
  /** False when the message does not fit any more: this reader is too slow to be served. */
  send(message: OutgoingMessage, coalesceKey: string | undefined): boolean;
  /** To be called whenever the sink has got rid of something. */
  drain(): void;
  /** Forgets waiting messages whose coalesce key begins so. */
  discard(keyPrefix: string): void;
  /** Whether messages wait that may not be left out. */
  readonly isBehind: boolean;
}

interface Counts {
  sent(messages: number): void;
  skipped(messages: number): void;
}

/**
 * What a connection still has to say. While the reader keeps up, messages pass straight through. When it does not, memory stays
 * bounded whatever happens: of messages with a coalesce key only the newest waits, with the number of those left out; the others queue
 * up to a limit. What waits is written as text only when its turn comes, so waiting messages shared by many readers are held once.
 */
export function createOutbox(sink: Sink, limits: OutboxLimits, counts: Counts): Outbox {
  const queue: string[] = [];
  let queuedCharacters = 0;
  const newest = new Map<string, { message: OutgoingMessage; skipped: number }>();

  function write(text: string): void {
    sink.write(text);
    counts.sent(1);
  }

  const mayWrite = (): boolean => sink.buffered() < limits.slowBytes;

  function enqueue(message: OutgoingMessage): boolean {
    const text = JSON.stringify(message);
    if (queue.length === 0 && mayWrite()) {
      write(text);
      return true;
    }
    if (queue.length >= limits.queuedMessages || queuedCharacters + text.length > limits.queuedCharacters) return false;
    queue.push(text);
    queuedCharacters += text.length;
    return true;
  }

  function coalesce(message: OutgoingMessage, key: string): boolean {
    if (queue.length === 0 && newest.size === 0 && mayWrite()) {
      write(JSON.stringify(message));
      return true;
    }
    const waiting = newest.get(key);
    if (waiting !== undefined) {
      // Stays at its place in the line, or a busy key would be overtaken for ever.
      waiting.message = message;
      waiting.skipped += 1;
      counts.skipped(1);
      return true;
    }
    if (newest.size >= limits.coalescedKeys) return false;
    newest.set(key, { message, skipped: 0 });
    return true;
  }

  return {
    send: (message, coalesceKey) => (coalesceKey === undefined ? enqueue(message) : coalesce(message, coalesceKey)),
    drain() {
      let taken = 0;
      while (taken < queue.length && mayWrite()) {
        const text = queue[taken] ?? '';
        taken += 1;
        queuedCharacters -= text.length;
        write(text);
      }
      if (taken > 0) queue.splice(0, taken);
      if (queue.length > 0) return;
      for (const [key, { message, skipped }] of newest) {
        if (!mayWrite()) return;
        newest.delete(key);
        write(JSON.stringify(skipped === 0 ? message : { ...message, skipped }));
      }
    },
    discard(keyPrefix) {
      for (const key of newest.keys()) if (key.startsWith(keyPrefix)) newest.delete(key);
    },
    get isBehind() {
      return queue.length > 0;
    },
  };
}
