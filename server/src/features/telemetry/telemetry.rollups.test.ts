import { telemetryHistory } from '@valtronics/contract';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import type { UnauditedTx } from '../../security/audit/tokens.ts';
import type { CommittedFlush, JournalConsumer } from './committed.ts';
import { createHealthValues } from './health-values.ts';
import { createMeasuredPersons } from './measured-persons.ts';
import { decodeSketch, quantile, sketchCount } from './sketch.ts';
import {
  aDevice,
  anOrganisation,
  aTelemetry,
  dataKeysFor,
  eventually,
  type TelemetryUnderTest,
  type TestDevice,
} from './telemetry.builders.ts';
import { createRollups } from './telemetry.rollups.ts';

let telemetry: TelemetryUnderTest;
let organisationId: number;

beforeAll(async () => {
  telemetry = await aTelemetry({ tuning: { rollupGatherMs: 5 } });
  organisationId = await anOrganisation(telemetry.database);
  telemetry.start();
});
afterAll(async () => {
  await telemetry.drain();
  await telemetry.database.drop();
});

const admin = () => telemetry.database.admin;

async function nothingPending(): Promise<void> {
  await eventually(async () => {
    const { rows } = await admin().query("select 1 from telemetry_pending where consumer = 'rollups' limit 1");
    return rows.length === 0;
  }, 'all rollups are applied');
}

/** Every bucket of a device, and the same computed by PostgreSQL from the points themselves. */
async function compareWithPoints(device: TestDevice): Promise<number> {
  let buckets = 0;
  for (const [table, width] of [
    ['rollups_1m', 60],
    ['rollups_1h', 3600],
  ] as const) {
    const { rows: kept } = await admin().query(
      `select series_id, extract(epoch from bucket)::bigint as start, count::int, sum, min, max, sketch
       from ${table} join series s on s.id = series_id where s.device_id = $1 order by 1, 2`,
      [device.deviceId],
    );
    const { rows: computed } = await admin().query(
      `select series_id, (floor(extract(epoch from ts) / ${width}) * ${width})::bigint as start, count(*)::int, sum(num),
         min(num), max(num), array_agg(num order by num) as values
       from points join series s on s.id = series_id where s.device_id = $1 and num is not null group by 1, 2 order by 1, 2`,
      [device.deviceId],
    );
    expect(kept.map(({ sketch, sum, ...rest }) => rest)).toEqual(computed.map(({ values, sum, ...rest }) => rest));
    for (const [place, row] of kept.entries()) {
      const { values, sum } = computed[place];
      expect(row.sum).toBeCloseTo(sum, 6);
      const sketch = decodeSketch(row.sketch);
      expect(sketchCount(sketch)).toBe(values.length);
      const median = values[Math.floor(0.5 * (values.length - 1))];
      expect(Math.abs((quantile(sketch, 0.5) ?? Number.NaN) - median)).toBeLessThanOrEqual(Math.abs(median) * 0.0101);
    }
    buckets += kept.length;
  }
  return buckets;
}

async function compareLatest(device: TestDevice): Promise<void> {
  const { rows: kept } = await admin().query(
    `select l.series_id, l.first_ts, l.ts, l.num, l.txt from series_latest l join series s on s.id = l.series_id
     where s.device_id = $1 order by 1`,
    [device.deviceId],
  );
  const { rows: computed } = await admin().query(
    `select distinct on (series_id) series_id, min(ts) over (partition by series_id) as first_ts, ts, num, txt
     from points join series s on s.id = series_id where s.device_id = $1 order by series_id, ts desc`,
    [device.deviceId],
  );
  expect(kept).toEqual(computed);
}

const base = Date.UTC(2026, 9, 1, 12);
const message = fc.array(
  fc.record({
    metric: fc.constantFrom('a', 'b', 'flag', 'text'),
    minutes: fc.integer({ min: -90, max: 90 }),
    millisecond: fc.integer({ min: 0, max: 59_999 }),
    number: fc.integer({ min: -100_000, max: 100_000 }).map((hundredths) => hundredths / 100),
  }),
  { minLength: 1, maxLength: 40 },
);

function pointsOf(list: typeof message extends fc.Arbitrary<infer M> ? M : never) {
  return list.map(({ metric, minutes, millisecond, number }) => ({
    metric,
    value: metric === 'flag' ? number > 0 : metric === 'text' ? String(number) : number,
    timestamp: base + minutes * 60_000 + millisecond,
  }));
}

describe('rollups', () => {
  it('equal what the points say, after any batches in any order of time, with late and repeated points', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 12 }), async (messages) => {
        const device = await aDevice(telemetry.database, organisationId);
        const half = Math.ceil(messages.length / 2);
        await Promise.all(messages.slice(0, half).map((list) => telemetry.submit(device, pointsOf(list))));
        for (const list of messages.slice(half)) await telemetry.submit(device, pointsOf(list));
        await telemetry.submit(device, pointsOf(messages[0] ?? []));
        await nothingPending();
        await compareWithPoints(device);
        await compareLatest(device);
      }),
      { numRuns: 15, endOnFailure: true },
    );
  });

  it('stay right when their transaction fails now and then: what was in memory is dropped and read again', async () => {
    let failures = 0;
    const persons = createMeasuredPersons({ transactions: telemetry.transactions, clock: systemClock });
    const inner = createRollups(
      createHealthValues({ dataKeys: await dataKeysFor(telemetry.database), persons, clock: systemClock }),
      persons,
    );
    const failing: JournalConsumer = {
      ...inner,
      async apply(tx: UnauditedTx, flushes: readonly CommittedFlush[]) {
        const later = await inner.apply(tx, flushes);
        // After everything was written and added up in memory.
        if (failures < 5 && Math.random() < 0.5) {
          failures += 1;
          throw new Error('the transaction fails');
        }
        return later;
      },
      name: 'rules',
    };
    const other = await aTelemetry({
      database: telemetry.database,
      consumers: [failing],
      tuning: { rollupGatherMs: 600_000 },
    });
    const device = await aDevice(telemetry.database, organisationId);
    // Only this consumer writes: the other telemetry of this file has the turn, so it is drained first.
    await telemetry.drain();
    try {
      // Its own rollups write the same tables. They are given nothing, or a flush they find in the journal first would count twice.
      await admin().query(
        `create function give_rollups_nothing() returns trigger language plpgsql as 'begin return null; end'`,
      );
      await admin().query(`create trigger nothing before insert on telemetry_pending for each row
      when (new.consumer = 'rollups') execute function give_rollups_nothing()`);
      other.start();
      for (let round = 0; round < 20; round += 1) {
        const points = Array.from({ length: 30 }, (_, index) => ({
          metric: 'a',
          value: Math.random() * 100,
          timestamp: base + ((round * 37 + index * 13) % 120) * 60_000 + round * 30 + index,
        }));
        await other.submit(device, points);
      }
      await eventually(async () => {
        const { rows } = await admin().query("select 1 from telemetry_pending where consumer = 'rules' limit 1");
        return rows.length === 0;
      }, 'all is applied');
      expect(await compareWithPoints(device)).toBeGreaterThan(100);
    } finally {
      await other.drain();
      await admin().query('drop function give_rollups_nothing cascade');
      telemetry = await aTelemetry({ database: telemetry.database, tuning: { rollupGatherMs: 5 } });
      telemetry.start();
    }
  });

  it('show a point in the history within a second', async () => {
    const device = await aDevice(telemetry.database, organisationId);
    const now = Date.now();
    await telemetry.submit(device, [{ metric: 'a', value: 42, timestamp: now }]);
    const committedAt = Date.now();
    const query = {
      deviceId: device.deviceId,
      metric: 'a',
      from: new Date(now - 86_400_000).toISOString(),
      to: new Date(now + 60_000).toISOString(),
      interval: '1m',
    };
    await eventually(async () => {
      const answer = (await telemetry.get(telemetryHistory, organisationId, query)) as { buckets: { avg: number }[] };
      return answer.buckets[0]?.avg === 42;
    }, 'the point is in the history');
    expect(Date.now() - committedAt).toBeLessThan(1000);
  });

  it('of a device that was deleted meanwhile are left out, and do not stop those of others', async () => {
    const [gone, stays] = [
      await aDevice(telemetry.database, organisationId),
      await aDevice(telemetry.database, organisationId),
    ];
    await telemetry.drain();
    const idle = await aTelemetry({ database: telemetry.database });
    await idle.submit(gone, [{ metric: 'a', value: 1 }]);
    await idle.submit(stays, [{ metric: 'a', value: 2 }]);
    await admin().query('delete from devices where id = $1', [gone.deviceId]);
    idle.start();
    await nothingPending();
    await compareWithPoints(stays);
    await compareLatest(stays);
    await idle.drain();
    telemetry = await aTelemetry({ database: telemetry.database, tuning: { rollupGatherMs: 5 } });
  });
});
