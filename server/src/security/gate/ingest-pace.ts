import type { Rate } from '@valtronics/contract';
import type { Limiter } from '../shield/limiter.ts';

export interface IngestPace {
  /** Undefined: go ahead. Otherwise a promise of when the message's turn has come. */
  admit(deviceId: string): Promise<void> | undefined;
  /** Lets everybody through that waits. */
  close(): void;
}

interface Queue {
  readonly waiting: (() => void)[];
  timer: NodeJS.Timeout | undefined;
}

/**
 * A device that sends faster than it may is slowed down, not cut off: its messages wait in the order they came, none is acknowledged
 * before its turn, and since the broker stops reading while many wait, the rest stays in the device. So the queues are bounded by what
 * the broker holds.
 */
export function createIngestPace(limiter: Limiter, rate: Rate): IngestPace {
  const queues = new Map<string, Queue>();
  let closed = false;
  const take = (deviceId: string) => limiter.take(`ingest:device:${deviceId}`, rate);

  function letThrough(deviceId: string, queue: Queue): void {
    while (queue.waiting.length > 0) {
      const answer = take(deviceId);
      if (!answer.ok && !closed) {
        queue.timer = setTimeout(letThrough, Math.max(1, answer.retryAfterSeconds * 1000), deviceId, queue);
        return;
      }
      queue.waiting.shift()?.();
    }
    queues.delete(deviceId);
  }

  return {
    admit(deviceId) {
      const queue = queues.get(deviceId);
      if (queue) return new Promise((resolve) => queue.waiting.push(resolve));
      const answer = take(deviceId);
      if (answer.ok || closed) return undefined;
      const made: Queue = { waiting: [], timer: undefined };
      queues.set(deviceId, made);
      made.timer = setTimeout(letThrough, Math.max(1, answer.retryAfterSeconds * 1000), deviceId, made);
      return new Promise((resolve) => made.waiting.push(resolve));
    },
    close() {
      closed = true;
      for (const [deviceId, queue] of queues) {
        clearTimeout(queue.timer);
        letThrough(deviceId, queue);
      }
    },
  };
}
