import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { aMeasuring, type Measuring, ofDevice, upTo } from './measured.builders.ts';
import { base, HOUR, MINUTE } from './recording.builders.ts';

// Against a model: what was sent, and whom the device measured when.

const LAST = base + 12 * HOUR;
interface Assignment {
  readonly id: string;
  readonly subject: string;
  readonly from: number;
  readonly until: number;
}
const covers = ({ from, until }: Assignment, time: number) => from <= time && time < until;

const hour = fc.integer({ min: 0, max: 5 });
const step = fc.oneof(
  fc.record({ kind: fc.constant('send' as const), from: hour, minutes: fc.integer({ min: 1, max: 90 }) }),
  fc.record({ kind: fc.constant('assign' as const), from: hour, minutes: fc.integer({ min: 5, max: 180 }) }),
  fc.record({ kind: fc.constant('unassign' as const) }),
  fc.record({ kind: fc.constant('erase' as const) }),
  fc.record({ kind: fc.constant('settle' as const) }),
);

let m: Measuring;
beforeAll(async () => {
  m = await aMeasuring();
});
afterAll(() => m?.end());

it('whatever is said, sent, taken back and erased in which order: each value is there, under the key of whose it is', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 10 }), async (steps) => {
      const device = await m.device();
      const sent = new Set<number>();
      let assignments: Assignment[] = [];
      const send = async (from: number, minutes: number) => {
        const fresh = upTo(minutes).map((index) => from + index * MINUTE);
        const times = fresh.filter((time) => !sent.has(time));
        if (times.length === 0) return;
        const points = times.map((time) => ({ metric: 'pulse', value: time / MINUTE, timestamp: time }));
        expect(await m.telemetry.submit(device, points)).toMatchObject({ accepted: times.length });
        for (const time of times) sent.add(time);
        await m.applied();
      };
      for (const one of steps) {
        if (one.kind === 'send') await send(base + one.from * HOUR, one.minutes);
        else if (one.kind === 'settle') await m.settle();
        else if (one.kind === 'assign') {
          const from = base + one.from * HOUR;
          const until = from + one.minutes * MINUTE;
          if (assignments.some((other) => other.from < until && from < other.until)) continue;
          const subject = await m.person();
          assignments.push({ id: await m.assign(device, subject, from, until), subject, from, until });
        } else {
          const [gone, ...rest] = assignments;
          if (gone === undefined) continue;
          assignments = rest;
          if (one.kind === 'unassign') await m.unassign(gone.id);
          else {
            await m.erase(gone.subject);
            await m.settle();
            for (const time of sent) if (covers(gone, time)) sent.delete(time);
          }
        }
      }
      await m.settle();
      const times = [...sent].sort((a, b) => a - b);
      const rows = await m.query(
        `select (extract(epoch from p.ts) * 1000)::float8 as time, c.subject_id as subject from points p
         join points c on c.series_id = p.series_id and c.ts = p.chunk and c.sealed is not null
         where p.${ofDevice} order by p.ts`,
        [device.deviceId],
      );
      const ownerAt = (time: number) => assignments.find((one) => covers(one, time))?.subject ?? null;
      expect(rows).toEqual(times.map((time) => ({ time, subject: ownerAt(time) })));
      if (times.length === 0) return;
      expect(await m.values(device, LAST)).toEqual(times.map((time) => time / MINUTE));
      expect(await m.counts(device, '1m', LAST)).toEqual(times.map(() => 1));
      const hours = Map.groupBy(times, (time) => Math.floor(time / HOUR));
      expect(await m.counts(device, '1h', LAST)).toEqual([...hours.values()].map(({ length }) => length));
      expect(await m.query('select 1 from measured_changes')).toEqual([]);
    }),
    { numRuns: 25, endOnFailure: true },
  );
});
