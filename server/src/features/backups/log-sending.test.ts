import { expect, test } from 'vitest';
import { manualClock } from '../../lib/clock.ts';
import type { SecurityReport } from '../../security/events/security-event.ts';
import { createLogSending } from './log-sending.ts';

// What is told about sending the log, and when it is given up. How it is sent is tried with a real one beside `send-segments.ts`.

const quiet = { debug() {}, info() {}, warn() {}, error() {}, fatal() {}, trace() {} } as never;

test('what cannot be sent is told once a day; a gap and what is given up each time', async () => {
  const clock = manualClock(new Date('2026-03-02T12:00:00Z'));
  const heard: SecurityReport[] = [];
  const state = {
    fault: undefined as string | undefined,
    gapBefore: undefined as string | undefined,
    lost: undefined as string | undefined,
    isFull: false,
    given: 0,
  };
  let gauge = () => 0;
  const sending = createLogSending({
    wal: {
      open: async () => ({
        async send() {
          if (state.fault !== undefined) throw new Error(state.fault);
          return { sent: 0, gapBefore: state.gapBefore, lost: state.lost };
        },
        waitingBytes: () => 42,
        relieve: async (isDiskFull) => (isDiskFull ? state.given : 0),
      }),
      sentUntil: () => undefined,
      chain: () => 'a',
      isDiskFull: () => state.isFull,
    },
    place: '/mnt/b',
    events: { report: (report: SecurityReport) => void heard.push(report) } as never,
    metrics: {
      watch(_what, read) {
        gauge = read;
      },
    },
    clock,
    log: quiet,
  });
  const look = async (minutes = 1): Promise<unknown[]> => {
    clock.advance(minutes * 60_000);
    heard.length = 0;
    await sending.job.run(new AbortController().signal);
    return heard.map(({ reason, details }) => [reason, details?.complaint]);
  };
  expect(gauge()).toBe(0);
  expect(await look()).toEqual([]);
  expect(gauge()).toBe(42);
  state.fault = 'the place is away';
  expect(sending.stalled()).toBeUndefined();
  expect(await look()).toEqual([['log', 'the place is away']]);
  const since = clock.date();
  expect(await look()).toEqual([]);
  expect(sending.stalled()).toEqual({ since, fault: 'the place is away' });
  expect(await look(24 * 60)).toEqual([['log', 'the place is away']]);
  Object.assign(state, { isFull: true, given: 3 });
  expect(await look()).toEqual([['log', expect.stringMatching(/^3 segments of the log were given up/)]]);
  Object.assign(state, { fault: undefined, isFull: false, gapBefore: '000000010000000000000007' });
  expect(await look()).toEqual([
    ['log', expect.stringContaining('the log before 000000010000000000000007 was not sent')],
  ]);
  expect(sending.stalled()).toBeUndefined();
  Object.assign(state, { gapBefore: undefined, lost: 'aa-07' });
  expect(await look()).toEqual([['damaged', undefined]]);
  expect(heard).toMatchObject([{ action: 'backup.tampered', details: { backup: 'aa-07', place: '/mnt/b' } }]);
  Object.assign(state, { lost: undefined, fault: 'away again' });
  expect(await look()).toEqual([['log', 'away again']]);
});

test('what is sent piece by piece on a slow line is given up in between, before all of it is sent', async () => {
  const did: string[] = [];
  let left = 40;
  const sending = createLogSending({
    wal: {
      open: async () => ({
        async send() {
          const sent = Math.min(16, left);
          left -= sent;
          did.push(`sent ${sent}`);
          return { sent, gapBefore: undefined, lost: undefined };
        },
        waitingBytes: () => left,
        async relieve(isDiskFull) {
          did.push(`looked, ${isDiskFull ? 'full' : 'not full'}`);
          const given = isDiskFull ? left : 0;
          left -= given;
          return given;
        },
      }),
      sentUntil: () => undefined,
      chain: () => 'a',
      isDiskFull: () => left === 8,
    },
    place: '/mnt/b',
    events: { report: () => undefined } as never,
    metrics: { watch: () => undefined },
    clock: manualClock(new Date('2026-03-02T12:00:00Z')),
    log: quiet,
  });
  await sending.job.run(new AbortController().signal);
  expect(did).toEqual(['sent 16', 'looked, not full', 'sent 16', 'looked, full', 'sent 0', 'looked, not full']);
});
