import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import type { SecurityEvent } from '../events/security-event.ts';
import { announcementOf, detectionOf } from './announcement.ts';
import { markAnswered, nextUnanswered } from './detection.repository.ts';
import type { Detection, DetectionAnswer } from './detection.ts';
import type { Scenario } from './scenario.ts';

const ANSWER_WITHIN_MS = 30_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 60_000;
/** Put off at once; beyond that, those put off first are asked for again early. */
const MOST_PUT_OFF = 5_000;

/**
 * What follows from detections. A row without `answered_at` is work to do: so each is announced and answered at least once, whatever dies in
 * between. An answer that fails keeps no other answer from being asked for, and detections that cannot be answered now hold up no newer one.
 */
export function createAnswers(deps: {
  transactions: Pick<Transactions, 'readAcross' | 'unaudited'>;
  scenarios: readonly Scenario[];
  announce: (event: SecurityEvent) => void;
  clock: Clock;
  log: Logger;
}) {
  const { transactions, scenarios, announce, clock, log } = deps;
  const byId = new Map(scenarios.map((scenario) => [scenario.id, scenario]));
  const answers: DetectionAnswer[] = [];
  /** Of those that failed: when to try again, and how long to wait after that. The one that waits longest first. */
  const later = new Map<string, { at: number; waitMs: number }>();

  async function inTime(answer: Promise<void>): Promise<void> {
    const late = new AbortController();
    const tooLate = delay(ANSWER_WITHIN_MS, undefined, { ref: false, signal: late.signal }).then(
      () => Promise.reject(new Error('the answer took too long')),
      () => undefined,
    );
    try {
      await Promise.race([answer, tooLate]);
    } finally {
      late.abort();
    }
  }

  /** All of them, one after the other, whatever becomes of the one before: an incident must not wait for a block that cannot be made. */
  async function answer(detection: Detection): Promise<void> {
    // In the table it stands since it was raised; this is for the file, once.
    if (!later.has(detection.id)) announce(announcementOf(detection));
    const failures: unknown[] = [];
    for (const each of answers) await inTime(each(detection)).catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
    await transactions.unaudited(null, 'detection', (tx) => markAnswered(tx, detection.id, clock.date()));
  }

  function putOff(id: string): void {
    const waitMs = later.get(id)?.waitMs ?? FIRST_RETRY_MS;
    later.delete(id);
    for (const first of later.keys()) {
      if (later.size < MOST_PUT_OFF) break;
      later.delete(first);
    }
    later.set(id, { at: performance.now() + waitMs, waitMs: Math.min(waitMs * 2, LAST_RETRY_MS) });
  }

  return {
    with(each: DetectionAnswer): void {
      answers.push(each);
    },

    /**
     * Those that are due, one after the other: the oldest first, and from the first failure on the newest. Whatever cannot be answered is asked
     * for at a cost (half a minute, when something does not answer at all), and what happens now must not wait for a row of such.
     */
    async run(isOver: () => boolean): Promise<void> {
      let failed = 0;
      while (!isOver() && failed < MOST_PUT_OFF) {
        const now = performance.now();
        const notYet = [...later].flatMap(([id, { at }]) => (at > now ? [id] : []));
        const row = await transactions.readAcross((reader) => nextUnanswered(reader, notYet, failed > 0));
        if (!row) {
          // Due and not there: somebody else has answered it.
          for (const [id, { at }] of later) if (at <= now) later.delete(id);
          return;
        }
        try {
          await answer(detectionOf(row, byId.get(row.scenario)));
          later.delete(row.id);
        } catch (error) {
          failed += 1;
          putOff(row.id);
          log.error({ err: error, detection: row.id, scenario: row.scenario }, 'a detection could not be answered yet');
        }
      }
    },
  };
}
