import { limits, type Point } from '@valtronics/contract';
import { type Backoff, exponentialBackoff } from './backoff.ts';
import { ConnectionLost, defaults, type LinkOptions, LinkRefused, MessageRefused, PushedBack } from './link.ts';

/** Points of one message, each already JSON, so that its size is known to the byte. */
export interface Batch {
  /** Rises from message to message, so that repeats go out in their old order. */
  readonly number: number;
  readonly points: readonly string[];
}

/** `,"points":[…]` and what a transport puts around it. */
const ENVELOPE_BYTES = 512;

interface OutboxOptions
  extends Pick<LinkOptions, 'queuePoints' | 'whenFull' | 'batchPoints' | 'backoff' | 'onProblem'> {
  /** Messages on the wire at once. */
  readonly window: number;
  /** Sends one message and resolves once the server has answered for it. */
  readonly deliver: (batch: Batch) => Promise<{ readonly rejected: number }>;
}

export interface Outbox {
  send(points: readonly Point[]): Promise<void>;
  flush(): Promise<void>;
  counts(): { queued: number; acknowledged: number; rejected: number; dropped: number };
  reject(points: number): void;
  /** Gives up what is queued and refuses more. */
  close(reason: Error): void;
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (reason: Error) => void;
}

/** The bounded queue in front of a transport: batches, a window of messages on the wire, repeats, and a count of what was given up. */
export function createOutbox(options: OutboxOptions): Outbox {
  const capacity = options.queuePoints ?? defaults.queuePoints;
  const batchPoints = Math.min(options.batchPoints ?? defaults.batchPoints, limits.batchPoints);
  const backoff: Backoff = options.backoff ?? exponentialBackoff();
  const queue: string[] = [];
  /** Points before this one have left the queue; the array is cut now and then rather than shifted each time. */
  let head = 0;
  let repeats: Batch[] = [];
  let onTheWire = 0;
  let pointsOnTheWire = 0;
  let nextNumber = 0;
  let failures = 0;
  let resting: NodeJS.Timeout | null = null;
  let ended: Error | null = null;
  let waitingForRoom: Waiting[] = [];
  let waitingForNothing: Waiting[] = [];
  const count = { acknowledged: 0, rejected: 0, dropped: 0 };

  const queued = () =>
    queue.length - head + pointsOnTheWire + repeats.reduce((sum, { points }) => sum + points.length, 0);

  function settle(): void {
    if (waitingForRoom.length > 0 && queued() < capacity) {
      const woken = waitingForRoom;
      waitingForRoom = [];
      for (const { resolve } of woken) resolve();
    }
    if (waitingForNothing.length > 0 && queued() === 0) {
      const woken = waitingForNothing;
      waitingForNothing = [];
      for (const { resolve } of woken) resolve();
    }
  }

  function nextBatch(): Batch | undefined {
    const repeat = repeats.shift();
    if (repeat) return repeat;
    const points: string[] = [];
    let bytes = ENVELOPE_BYTES;
    while (head < queue.length && points.length < batchPoints) {
      const point = queue[head] ?? '';
      bytes += Buffer.byteLength(point) + 1;
      if (points.length > 0 && bytes > limits.batchBytes) break;
      points.push(point);
      head++;
    }
    if (head > 4096 && head * 2 > queue.length) {
      queue.splice(0, head);
      head = 0;
    }
    return points.length > 0 ? { number: nextNumber++, points } : undefined;
  }

  function rest(ms: number): void {
    if (resting || ended) return;
    resting = setTimeout(() => {
      resting = null;
      pump();
    }, ms);
  }

  function failed(batch: Batch, error: unknown): void {
    const reason = error instanceof Error ? error : new Error(String(error));
    if (ended) {
      count.dropped += batch.points.length;
      return;
    }
    if (reason instanceof MessageRefused) {
      count.acknowledged += batch.points.length;
      count.rejected += batch.points.length;
      options.onProblem?.(reason.message);
      return;
    }
    repeats.push(batch);
    repeats.sort((left, right) => left.number - right.number);
    if (reason instanceof LinkRefused) {
      close(reason);
      return;
    }
    // A lost connection has a backoff of its own, where it is opened again.
    if (reason instanceof ConnectionLost || resting) return;
    if (failures === 0) options.onProblem?.(reason.message);
    const asked = reason instanceof PushedBack ? (reason.afterMs ?? 0) : 0;
    rest(Math.max(asked, backoff(failures++)));
  }

  async function deliver(batch: Batch): Promise<void> {
    onTheWire++;
    pointsOnTheWire += batch.points.length;
    try {
      const { rejected } = await options.deliver(batch);
      failures = 0;
      count.acknowledged += batch.points.length;
      count.rejected += rejected;
    } catch (error) {
      failed(batch, error);
    } finally {
      onTheWire--;
      pointsOnTheWire -= batch.points.length;
      settle();
      pump();
    }
  }

  function pump(): void {
    while (!ended && !resting && onTheWire < options.window) {
      const batch = nextBatch();
      if (!batch) return;
      void deliver(batch);
    }
  }

  function close(reason: Error): void {
    if (ended) return;
    ended = reason;
    if (reason instanceof LinkRefused) options.onProblem?.(reason.message);
    if (resting) clearTimeout(resting);
    resting = null;
    count.dropped += queue.length - head + repeats.reduce((sum, { points }) => sum + points.length, 0);
    queue.length = 0;
    head = 0;
    repeats = [];
    for (const { reject } of [...waitingForRoom, ...waitingForNothing]) reject(reason);
    waitingForRoom = [];
    waitingForNothing = [];
  }

  return {
    async send(points) {
      for (const point of points) {
        while (!ended && queued() >= capacity) {
          if (options.whenFull === 'wait') {
            pump();
            await new Promise<void>((resolve, reject) => waitingForRoom.push({ resolve, reject }));
          } else if (head < queue.length) {
            head++;
            count.dropped++;
          } else break;
        }
        if (ended) throw ended;
        queue.push(JSON.stringify(point));
      }
      pump();
    },
    flush() {
      if (ended) return Promise.reject(ended);
      if (queued() === 0) return Promise.resolve();
      return new Promise((resolve, reject) => waitingForNothing.push({ resolve, reject }));
    },
    counts: () => ({ queued: queued(), ...count }),
    reject(points) {
      count.rejected += points;
    },
    close,
  };
}
