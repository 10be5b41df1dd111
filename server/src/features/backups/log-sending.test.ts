import { expect, test } from 'vitest';
import { manualClock } from '../../lib/clock.ts';
import type { SegmentSender } from '../../security/backups/point-in-time/send-segments.ts';
import type { SecurityReport } from '../../security/events/security-event.ts';
import { createLogSending } from './log-sending.ts';

// What is told about sending the log, and when it is given up. How it is sent is tried with a real one beside `send-segments.ts`.

const quiet = { debug() {}, info() {}, warn() {}, error() {}, fatal() {}, trace() {} } as never;

const never = new AbortController().signal;

/** A log of which nothing is sent but what the test says, and what was told of it. */
function aSending(sender: SegmentSender, given: { open?: () => void; isDiskFull?: () => boolean } = {}) {
  const clock = manualClock(new Date('2026-03-02T12:00:00Z'));
  const heard: SecurityReport[] = [];
  const gauge = { read: () => 0 };
  const sending = createLogSending({
    wal: {
      async open() {
        given.open?.();
        return sender;
      },
      sentUntil: () => undefined,
      chain: () => 'a',
      isDiskFull: given.isDiskFull ?? (() => false),
    },
    place: '/mnt/b',
    events: { report: (report: SecurityReport) => void heard.push(report) } as never,
    metrics: {
      watch(_what, read) {
        gauge.read = read;
      },
    },
    clock,
    log: quiet,
  });
  const look = async (minutes = 1, signal = never): Promise<unknown[]> => {
    clock.advance(minutes * 60_000);
    heard.length = 0;
    await sending.job.run(signal);
    return heard.map(({ reason, details }) => [reason, details?.complaint]);
  };
  return { clock, heard, gauge, sending, look };
}

test('what cannot be sent is told once a day; a gap, a loss and what is given up each time', async () => {
  const state = {
    locked: undefined as string | undefined,
    fault: undefined as string | undefined,
    gap: undefined as string | undefined,
    lost: undefined as string | undefined,
    isFull: false,
    given: 0,
  };
  const sender: SegmentSender = {
    async send(_signal, { gap, lost }) {
      if (state.lost !== undefined) lost(state.lost);
      if (state.gap !== undefined) gap(state.gap);
      if (state.fault !== undefined) throw new Error(state.fault);
      return false;
    },
    waitingBytes: () => 42,
    relieve: async (isDiskFull) => (isDiskFull ? state.given : 0),
  };
  const { clock, heard, gauge, sending, look } = aSending(sender, {
    open() {
      if (state.locked !== undefined) throw new Error(state.locked);
    },
    isDiskFull: () => state.isFull,
  });
  expect(gauge.read()).toBe(0);
  // It cannot even be begun.
  state.locked = 'no key signs it';
  expect(await look()).toEqual([['log', 'no key signs it']]);
  expect(sending.stalled()).toEqual({ since: clock.date(), fault: 'no key signs it' });
  expect(gauge.read()).toBe(0);
  state.locked = undefined;
  expect(await look()).toEqual([]);
  expect(gauge.read()).toBe(42);
  state.fault = 'the place is away';
  expect(sending.stalled()).toBeUndefined();
  expect(await look()).toEqual([['log', 'the place is away']]);
  const since = clock.date();
  expect(await look()).toEqual([]);
  expect(sending.stalled()).toEqual({ since, fault: 'the place is away' });
  expect(await look(24 * 60)).toEqual([['log', 'the place is away']]);
  Object.assign(state, { isFull: true, given: 3 });
  expect(await look()).toEqual([['log', expect.stringMatching(/^3 segments of the log were given up/)]]);
  Object.assign(state, { fault: undefined, isFull: false, gap: '000000010000000000000007' });
  expect(await look()).toEqual([
    ['log', expect.stringContaining('the log before 000000010000000000000007 was not sent')],
  ]);
  expect(sending.stalled()).toBeUndefined();
  Object.assign(state, { gap: undefined, lost: 'aa-07' });
  expect(await look()).toEqual([['damaged', undefined]]);
  expect(heard).toMatchObject([{ action: 'backup.tampered', details: { backup: 'aa-07', place: '/mnt/b' } }]);
  // What fails behind it keeps nothing back.
  Object.assign(state, { fault: 'away again' });
  expect(await look()).toEqual([
    ['damaged', undefined],
    ['log', 'away again'],
  ]);
});

/** Of so many segments, one at a time; the disk is full with so many left, and when the run is ended. */
function aSlowLine(segments: number, given: { fullAt?: number; endedAt?: number }) {
  const [did, ending] = [[] as string[], new AbortController()];
  let left = segments;
  const sender: SegmentSender = {
    async send(signal) {
      if (left === given.endedAt) ending.abort();
      signal.throwIfAborted();
      if (left === 0) return false;
      left -= 1;
      did.push('sent one');
      return true;
    },
    waitingBytes: () => left,
    async relieve(isDiskFull) {
      did.push(`looked, ${isDiskFull ? 'full' : 'not full'}`);
      if (isDiskFull) left = 0;
      return 0;
    },
  };
  const isDiskFull = (): boolean => left === given.fullAt || ending.signal.aborted;
  return { did, look: aSending(sender, { isDiskFull }).look, signal: ending.signal };
}

test('what is sent on a slow line is given up in between, before all of it is sent', async () => {
  const { did, look, signal } = aSlowLine(20, { fullAt: 18 });
  await look(1, signal);
  expect(did).toEqual(['sent one', 'looked, not full', 'sent one', 'looked, full', 'looked, not full']);
});

test('how much waits is looked at also where a run takes as long as it may and is ended, which is told to nobody', async () => {
  const { did, look, signal } = aSlowLine(20, { endedAt: 19 });
  expect(await look(1, signal)).toEqual([]);
  expect(did).toEqual(['sent one', 'looked, not full', 'looked, full']);
});
