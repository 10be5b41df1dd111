import type { Clock } from '../../lib/clock.ts';
import type { Leadership } from '../../platform/db/leadership.ts';
import type { Notices } from '../../platform/db/notices.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { appendSecurityEvents } from '../events/security-event.repository.ts';
import type { SecurityEvent } from '../events/security-event.ts';
import { announcementOf, detectionOf } from './announcement.ts';
import { createAnswers } from './answers.ts';
import {
  moveProgress,
  positionBefore,
  progressOfDetection,
  raiseDetection,
  raisedSince,
  readSeenEvents,
} from './detection.repository.ts';
import type { DetectionAnswer } from './detection.ts';
import { type Conclusion, createEngine, type Engine } from './engine.ts';
import { loadScenarios, longestMemory, type Scenario } from './scenario.ts';

export interface Detector {
  readonly scenarios: readonly Scenario[];
  /** What follows from each detection, in the order of these calls; before `start`. At least once each, until all of them resolve. */
  answerWith(answer: DetectionAnswer): void;
  start(): void;
  stop(): Promise<void>;
}

const EVENTS_A_STEP = 2_000;
/** Read again after a start, at most: an hour of a flood. */
const MOST_REPLAYED = 1_000_000;
/** Under the notices, which tell at once. */
const LOOK_EVERY_MS = 1_000;

/**
 * Runs the engine over the events' own table, on one server at a time. What it has concluded and how far it has looked are written together.
 * State is in memory only; whoever takes over reads the last hour again, silently, and goes on from there
 * (docs/decisions/0006-detection-reads-the-events-own-table.md).
 */
export function createDetector(deps: {
  transactions: Pick<Transactions, 'readAcross' | 'unaudited'>;
  leadership: Leadership;
  notices: Pick<Notices, 'onNotice' | 'onGap' | 'publish'>;
  announce: (event: SecurityEvent) => void;
  clock: Clock;
  log: Logger;
  scenarios?: readonly Scenario[] | undefined;
}): Detector {
  const { transactions, leadership, notices, clock, log, scenarios = loadScenarios() } = deps;
  const answers = createAnswers({ ...deps, scenarios });
  const memoryMs = longestMemory(scenarios);
  let engine: { see: Engine['see']; position: number } | undefined;
  let turning: Promise<void> | undefined;
  let answering: Promise<void> | undefined;
  let again = false;
  let answerAgain = false;
  let fails = false;
  let stopped = true;
  let timer: NodeJS.Timeout | undefined;

  /**
   * What the server before knew: what was raised, then the events of the longest window once more. In this order, since only what was raised
   * makes silent: an event read again may seem to conclude what was concluded a moment before the window, and would be silent too long.
   */
  async function rebuild(): Promise<NonNullable<typeof engine>> {
    const made = createEngine(scenarios);
    const position = await transactions.readAcross(progressOfDetection);
    const since = new Date(clock.now() - memoryMs);
    const cooldowns = new Map(scenarios.map(({ id, cooldownSeconds }) => [id, cooldownSeconds * 1_000]));
    const stillSilent = new Date(since.getTime() - Math.max(...cooldowns.values()));
    for (const { scenario, subject, organisation_id, at } of await transactions.readAcross((reader) =>
      raisedSince(reader, stillSilent),
    ))
      made.suppress(scenario, subject, organisation_id, at.getTime() + (cooldowns.get(scenario) ?? 0));
    let after = await transactions.readAcross((reader) => positionBefore(reader, since, position, MOST_REPLAYED));
    while (after < position && !stopped) {
      const at = after;
      const events = await transactions.readAcross((reader) =>
        readSeenEvents(reader, { after: at, upTo: position, limit: EVENTS_A_STEP }),
      );
      const now = clock.now();
      for (const event of events) made.replay(event.at > now ? { ...event, at: now } : event);
      after = events.at(-1)?.position ?? position;
    }
    return { see: made.see, position };
  }

  /** Whether there may be more. */
  async function step(at: NonNullable<typeof engine>): Promise<boolean> {
    const events = await transactions.readAcross((reader) =>
      readSeenEvents(reader, { after: at.position, upTo: Number.MAX_SAFE_INTEGER, limit: EVENTS_A_STEP }),
    );
    const last = events.at(-1);
    if (!last) return false;
    const conclusions: Conclusion[] = [];
    // The clock of whoever wrote may be wrong, and time to come would end every window there is.
    const now = clock.now();
    for (const event of events) conclusions.push(...at.see(event.at > now ? { ...event, at: now } : event));
    await transactions.unaudited(null, 'detection', async (tx) => {
      if (!(await moveProgress(tx, at.position, last.position))) throw new AnotherLeadsError();
      const raised: SecurityEvent[] = [];
      for (const conclusion of conclusions) {
        const row = await raiseDetection(tx, conclusion, clock.date());
        if (row) raised.push(announcementOf(detectionOf(row, conclusion.scenario)));
      }
      // With the detection, so that no crash comes between it and what tells of it. Last, since it waits for whoever else appends.
      if (raised.length > 0) await appendSecurityEvents(tx, raised);
    });
    at.position = last.position;
    if (conclusions.length > 0) answerSoon();
    return events.length === EVENTS_A_STEP;
  }

  async function turn(): Promise<void> {
    try {
      if (!(await leadership.hold())) {
        engine = undefined;
        return;
      }
      if (!engine) {
        engine = await rebuild();
        answerSoon();
      }
      while (!stopped && (await step(engine)));
      fails = false;
    } catch (error) {
      // Engine and table may have parted: what was seen and not written down is read again.
      engine = undefined;
      if (!fails) log.warn({ err: error }, 'security events cannot be looked at now; detection waits');
      fails = true;
    }
  }

  function look(): void {
    again = true;
    if (stopped || turning) return;
    turning = (async () => {
      while (again && !stopped) {
        again = false;
        await turn();
      }
    })().finally(() => {
      turning = undefined;
    });
  }

  function answerSoon(): void {
    answerAgain = true;
    if (stopped || answering) return;
    answering = (async () => {
      while (answerAgain && engine && !stopped) {
        answerAgain = false;
        await answers.run(() => stopped || engine === undefined);
      }
    })()
      .catch((error: unknown) => log.warn({ err: error }, 'detections cannot be answered now'))
      .finally(() => {
        answering = undefined;
      });
  }

  notices.onNotice('security_events', look);
  notices.onGap(look);

  return {
    scenarios,
    answerWith: answers.with,
    start() {
      stopped = false;
      look();
      timer = setInterval(() => {
        look();
        // Raised while the last round was under way, or put off.
        if (engine) answerSoon();
      }, LOOK_EVERY_MS).unref();
    },
    async stop() {
      stopped = true;
      clearInterval(timer);
      await turning;
      await answering;
      await leadership.release();
    },
  };
}

class AnotherLeadsError extends Error {
  override readonly name = 'AnotherLeadsError';
  constructor() {
    super('another server looks at security events now');
  }
}
