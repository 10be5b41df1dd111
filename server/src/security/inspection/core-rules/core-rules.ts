import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../../lib/clock.ts';
import type { Logger } from '../../../platform/log/log.ts';
import type { Metrics, SecondOpinion } from '../../../platform/metrics/metrics.ts';
import type { Verdict } from '../inspect-request.ts';
import type { FromProcess, ToProcess } from './core-rules-process.ts';
import type { RuleFinding } from './findings.ts';
import { areRulesInstalled } from './library.ts';
import { verdictOn } from './rules.ts';
import { type InspectedText, MOST_TEXTS } from './texts.ts';

/** A second opinion on the texts of a request. It can add a refusal and takes none back. */
export interface SecondEngine {
  /**
   * What it found, or nothing where it had to be done without. At once and without a promise where there is nothing to ask.
   */
  judge(texts: readonly InspectedText[]): Promise<readonly Verdict[]> | undefined;
  /** Whether it can be asked now. */
  isReady(): boolean;
  stop(): Promise<void>;
}

const PROGRAM = fileURLToPath(new URL('./core-rules-process.ts', import.meta.url));
/** A request waits this long for it, with all those before it in the line. */
const ANSWER_WITHIN_MS = 250;
/** By then it is stuck, and is ended. */
const STUCK_AFTER_MS = 5_000;
const MOST_WAITING = 64;
const MOST_CHARACTERS = 16_384;
const START_AGAIN_MS = [1_000, 5_000, 30_000, 60_000];
const TELL_EVERY_MS = 60_000;
const MAX_REMEMBERED = 2_000;
const LONGEST_REMEMBERED = 256;

interface Job {
  readonly texts: ToProcess;
  readonly settle: (of: readonly (readonly RuleFinding[])[] | undefined) => void;
}

/**
 * ModSecurity's core rules in a process of their own: the library is C++ and reads what strangers wrote, so a fault in it must be no
 * fault of the server's, and what takes too long can be ended. Where it is away, late, or asked too much, the first engine decides alone,
 * as it does where nothing is installed; that is counted and logged.
 */
export function openCoreRules(deps: {
  clock: Clock;
  log: Logger;
  metrics: Pick<Metrics, 'secondEngineAsked'>;
}): SecondEngine | undefined {
  const { clock, log, metrics } = deps;
  if (!areRulesInstalled()) return undefined;
  let child: ChildProcess | undefined;
  let isReady = false;
  /** Before that it is only starting, which is nothing to warn of. */
  let wasReady = false;
  /** For good: it was told to, or cannot be had on this machine. */
  let isStopped = false;
  let faults = 0;
  let again: NodeJS.Timeout | undefined;
  let stuck: NodeJS.Timeout | undefined;
  let current: Job | undefined;
  /** What it is asked now takes too long already: nobody else waits for that. */
  let isBehind = false;
  const waiting: Job[] = [];
  /** Texts in which nothing was found; a browser says the same of itself a thousand times. */
  const nothing = new Set<string>();
  const alone = { count: 0, toldAt: Number.NEGATIVE_INFINITY };

  function start(): void {
    const started = fork(PROGRAM, {
      env: {},
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'advanced',
    });
    child = started;
    started.unref();
    started.channel?.unref();
    started.on('error', () => undefined); // told by 'exit', or it was never there
    started.on('message', (message: FromProcess) => hear(started, message));
    started.once('exit', (code, signal) => ended(started, code, signal));
  }

  function hear(from: ChildProcess, message: FromProcess): void {
    if (from !== child) return;
    if (message.kind === 'ready') {
      isReady = true;
      wasReady = true;
      log.info({ version: message.version }, 'requests are inspected with the core rules of ModSecurity as well');
    } else if (message.kind === 'absent') {
      isStopped = true;
      log.info({ reason: message.reason }, 'ModSecurity cannot be used: requests are inspected without its core rules');
    } else {
      faults = 0;
      isBehind = false;
      clearTimeout(stuck);
      const job = current;
      current = undefined;
      job?.settle(message.of);
    }
    next();
  }

  function ended(which: ChildProcess, code: number | null, signal: string | null): void {
    if (which !== child) return;
    child = undefined;
    isReady = false;
    isBehind = false;
    clearTimeout(stuck);
    // The text it ended with is not shown to the next one: whoever found what kills it kills one.
    for (const job of [current, ...waiting.splice(0)]) job?.settle(undefined);
    current = undefined;
    if (isStopped) return;
    const inMs = START_AGAIN_MS[Math.min(faults, START_AGAIN_MS.length - 1)] ?? 0;
    faults += 1;
    log.error(
      { exitCode: code, signal, inMs },
      'the process that inspects with the core rules ended: it is started again',
    );
    again = setTimeout(start, inMs).unref();
  }

  function next(): void {
    if (current !== undefined || !isReady || child === undefined) return;
    current = waiting.shift();
    if (current === undefined) return;
    const asked = child;
    stuck = setTimeout(() => asked.kill('SIGKILL'), STUCK_AFTER_MS).unref();
    asked.send(current.texts, () => undefined); // a broken channel is told by 'exit'
  }

  function decideAlone(outcome: SecondOpinion): undefined {
    metrics.secondEngineAsked(outcome);
    if (!wasReady) return undefined;
    alone.count += 1;
    const now = clock.now();
    if (now - alone.toldAt < TELL_EVERY_MS) return undefined;
    log.warn({ requests: alone.count, last: outcome }, 'requests were inspected without the core rules');
    alone.count = 0;
    alone.toldAt = now;
    return undefined;
  }

  async function ask(texts: readonly InspectedText[]): Promise<readonly Verdict[]> {
    const { promise, resolve } = Promise.withResolvers<readonly (readonly RuleFinding[])[] | undefined>();
    const job: Job = { texts: texts.map(({ text, place }) => ({ text, place })), settle: resolve };
    waiting.push(job);
    next();
    const late = Symbol('late');
    let timer: NodeJS.Timeout | undefined;
    const answer = await Promise.race([
      promise,
      new Promise<typeof late>((tell) => {
        timer = setTimeout(tell, ANSWER_WITHIN_MS, late);
      }),
    ]);
    clearTimeout(timer);
    if (answer === late || answer === undefined) {
      if (job === current) isBehind = true;
      const at = waiting.indexOf(job);
      if (at !== -1) waiting.splice(at, 1);
      decideAlone(answer === late ? 'late' : 'away');
      return [];
    }
    const verdicts: Verdict[] = [];
    for (const [index, text] of texts.entries()) {
      const findings = answer[index] ?? [];
      if (findings.length === 0) remember(text);
      const verdict = verdictOn(text, findings);
      if (verdict) verdicts.push(verdict);
    }
    metrics.secondEngineAsked(verdicts.length === 0 ? 'clean' : 'found');
    return verdicts;
  }

  function remember({ text, place }: InspectedText): void {
    if (text.length > LONGEST_REMEMBERED) return;
    if (nothing.size >= MAX_REMEMBERED) nothing.clear();
    nothing.add(`${place} ${text}`);
  }

  start();
  return {
    isReady: () => isReady,
    judge(texts) {
      if (isStopped || texts.length === 0) return undefined;
      const unknown = texts.filter(({ text, place }) => !nothing.has(`${place} ${text}`));
      if (unknown.length === 0) return undefined;
      if (!isReady) return decideAlone('away');
      const characters = unknown.reduce((sum, { text }) => sum + text.length, 0);
      if (unknown.length > MOST_TEXTS || characters > MOST_CHARACTERS) return decideAlone('too_much');
      if (isBehind) return decideAlone('late');
      if (waiting.length >= MOST_WAITING) return decideAlone('busy');
      return ask(unknown);
    },
    async stop() {
      isStopped = true;
      clearTimeout(again);
      const ending = child;
      if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
      const gone = new Promise<void>((resolve) => ending.once('exit', () => resolve()));
      ending.kill('SIGKILL');
      await gone;
    },
  };
}
