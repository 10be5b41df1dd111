import {
  telemetryHistory,
  telemetryLatest,
  telemetryMetrics,
  telemetryRaw,
  telemetrySparklines,
  telemetrySummary,
} from '@valtronics/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manualClock } from '../../lib/clock.ts';
import { chunkPlace } from './health-values.ts';
import { at, base, HOUR, items, MINUTE, problemOf, type Row } from './recording.builders.ts';
import {
  aDevice,
  anOrganisation,
  aTelemetry,
  dataKeysFor,
  eventually,
  type TelemetryUnderTest,
  type TestDevice,
} from './telemetry.builders.ts';

// The same is sent to a device of class health and to another one: whoever may see it must not be able to tell which is which, and whoever reads the
// database must not be able to tell anything.

/** A value no other row of the test holds, and how COPY and PostgreSQL's files write it. */
const RARE = 173.28125390625;
const WORDS = 'QRS-widening-8Zt4';

let telemetry: TelemetryUnderTest;
let organisationId: number;
let health: TestDevice;
let plain: TestDevice;

const points = () => [
  ...Array.from({ length: 1080 }, (_, index) => ({
    metric: 'ramp',
    value: index === 500 ? RARE : index,
    unit: 'bpm',
    timestamp: base + index * 10_000,
  })),
  { metric: 'lead', value: true, timestamp: base },
  { metric: 'lead', value: false, timestamp: base + MINUTE },
  { metric: 'rhythm', value: 'sinus', timestamp: base },
  { metric: 'rhythm', value: WORDS, timestamp: base + MINUTE },
];

const applied = (which = telemetry) =>
  eventually(
    async () => (await which.database.admin.query('select 1 from telemetry_pending limit 1')).rows.length === 0,
    'all rollups are applied',
  );

beforeAll(async () => {
  telemetry = await aTelemetry({ tuning: { rollupGatherMs: 5 } });
  organisationId = await anOrganisation(telemetry.database);
  [health, plain] = [
    await aDevice(telemetry.database, organisationId, true),
    await aDevice(telemetry.database, organisationId),
  ];
  telemetry.start();
  for (const device of [health, plain])
    expect(await telemetry.submit(device, points())).toMatchObject({ accepted: 1084, rejected: [] });
  await applied();
});
afterAll(async () => {
  await telemetry?.drain();
  await telemetry?.database.drop();
});

const query = (text: string, values: unknown[] = []) => telemetry.database.admin.query(text, values);

/** What an endpoint says of a device, without its name. */
async function said(
  endpoint: Parameters<TelemetryUnderTest['get']>[0],
  device: TestDevice,
  more: Record<string, string>,
): Promise<Row> {
  const named = endpoint === telemetrySparklines ? { deviceIds: device.deviceId } : { deviceId: device.deviceId };
  const answer = await telemetry.get(endpoint, organisationId, { ...named, ...more });
  return JSON.parse(JSON.stringify(answer).replaceAll(device.deviceId, 'the device'));
}

const range = (from: number, to: number) => ({ from: at(from), to: at(to) });
const whole = range(base, base + 3 * HOUR);

describe('who may see it sees the same as of any other series', () => {
  it.each([
    ['the newest values', telemetryLatest, {}],
    ['one of them', telemetryLatest, { metric: 'rhythm' }],
    ['raw points', telemetryRaw, { metric: 'ramp', ...whole, limit: '10000' }],
    ['a page of them', telemetryRaw, { metric: 'ramp', ...whole, limit: '7' }],
    ['thinned for a chart', telemetryRaw, { metric: 'ramp', ...whole, maxPoints: '50' }],
    ['states', telemetryRaw, { metric: 'lead', ...whole }],
    ['texts', telemetryRaw, { metric: 'rhythm', ...whole }],
    ['minutes', telemetryHistory, { metric: 'ramp', ...whole, interval: '1m' }],
    ['quarters of an hour', telemetryHistory, { metric: 'ramp', ...whole, interval: '15m', aggregation: 'p95' }],
    ['hours', telemetryHistory, { metric: 'ramp', ...whole, interval: '1h' }],
    ['what fits', telemetryHistory, { metric: 'ramp', ...range(base, base + HOUR), interval: 'auto' }],
    ['history of texts', telemetryHistory, { metric: 'rhythm', ...whole }],
    [
      'a summary that cuts minutes',
      telemetrySummary,
      { metric: 'ramp', ...range(base + 5_000, base + 2 * HOUR + 7_000) },
    ],
    ['a summary of texts', telemetrySummary, { metric: 'rhythm', ...whole }],
  ] as const)('%s', async (_, endpoint, more) => {
    const answer = await said(endpoint, health, more);
    expect(answer).toEqual(await said(endpoint, plain, more));
    expect(JSON.stringify(answer).length).toBeGreaterThan(60);
  });

  it('curves', async () => {
    const then = await aTelemetry({ database: telemetry.database, clock: manualClock(base + 3 * HOUR - 1) });
    const curve = async (device: TestDevice, hours: string) =>
      items(
        await then.get(telemetrySparklines, organisationId, { deviceIds: device.deviceId, metric: 'ramp', hours }),
      ).map(({ values }) => values);
    for (const hours of ['2', '6']) {
      expect(await curve(health, hours)).toEqual(await curve(plain, hours));
      expect((await curve(health, hours)).flat().filter((value) => value !== null).length).toBeGreaterThan(1);
    }
  });

  it('after a restart, with the points that rollups had not seen', async () => {
    const device = await aDevice(telemetry.database, organisationId, true);
    const stopped = await aTelemetry({ database: telemetry.database });
    await stopped.submit(device, points());
    const { rows } = await query('select payload from telemetry_journal order by id desc limit 1');
    expect(rows[0].payload.includes(WORDS)).toBe(false);
    await stopped.drain();
    // The one that runs takes over what the other one left in the journal.
    await applied();
    expect(await said(telemetryHistory, device, { metric: 'ramp', ...whole, interval: '1m' })).toEqual(
      await said(telemetryHistory, plain, { metric: 'ramp', ...whole, interval: '1m' }),
    );
    expect(await said(telemetryLatest, device, {})).toEqual(await said(telemetryLatest, plain, {}));
  });
});

describe('what is sent again, and what comes late', () => {
  it('the same value is a duplicate, another one a conflict', async () => {
    expect(await telemetry.submit(health, points())).toEqual({ accepted: 0, duplicates: 1084, rejected: [] });
    const other = points().map((point) => ({ ...point, value: typeof point.value === 'number' ? -1 : point.value }));
    const receipt = await telemetry.submit(health, other);
    expect([receipt.accepted, receipt.duplicates, receipt.rejected.length]).toEqual([0, 4, 1080]);
    expect(new Set(receipt.rejected.map(({ code }) => code))).toEqual(new Set(['conflict']));
    expect(await telemetry.submit(health, [{ metric: 'rhythm', value: 'flutter', timestamp: base }])).toMatchObject({
      rejected: [{ code: 'conflict' }],
    });
  });

  it('late points amend history and rollups, among chunks that were there', async () => {
    const late = Array.from({ length: 20 }, (_, index) => ({
      metric: 'late',
      value: index,
      timestamp: base + index * MINUTE,
    }));
    for (const device of [health, plain]) {
      await telemetry.submit(
        device,
        late.filter((_, index) => index % 2 === 0),
      );
      await applied();
      await telemetry.submit(
        device,
        late.filter((_, index) => index % 2 === 1),
      );
    }
    await applied();
    for (const [endpoint, more] of [
      [telemetryRaw, {}],
      [telemetryHistory, { interval: '1h' }],
    ] as const)
      expect(await said(endpoint, health, { metric: 'late', ...whole, ...more })).toEqual(
        await said(endpoint, plain, { metric: 'late', ...whole, ...more }),
      );
    expect(items(await said(telemetryRaw, health, { metric: 'late', ...whole })).map(({ value }) => value)).toEqual(
      late.map(({ value }) => value),
    );
  });
});

describe('what the database holds', () => {
  /** Everything in every table, as text and as bytes. */
  async function rowsWith(needles: readonly string[]): Promise<string[]> {
    const { rows: tables } = await query(
      "select c.oid::regclass::text as name from pg_class c where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace",
    );
    const found: string[] = [];
    for (const { name } of tables) {
      const { rows } = await query(
        `select count(*)::int as count from ${name} t where exists (select from unnest($1::text[]) n where t::text like '%' || n || '%')`,
        [needles],
      );
      if (rows[0].count > 0) found.push(`${name}: ${rows[0].count}`);
    }
    return found;
  }
  const double = (bigEndian: boolean) => {
    const bytes = Buffer.alloc(8);
    if (bigEndian) bytes.writeDoubleBE(RARE);
    else bytes.writeDoubleLE(RARE);
    return bytes.toString('hex');
  };

  it('no value of class health: not as it is, not as text, not as bytes in either order', async () => {
    const needles = [WORDS, Buffer.from(WORDS).toString('hex'), String(RARE), double(true), double(false)];
    // The other device's are found, so they would be.
    const before = await rowsWith(needles);
    expect(before.join(' ')).toMatch(/points.*series_latest/);
    const other = await query('select id from series where device_id = $1', [plain.deviceId]);
    const ids = other.rows.map(({ id }) => id);
    for (const table of ['points', 'series_latest', 'rollups_1m', 'rollups_1h'])
      await query(`delete from ${table} where series_id = any($1)`, [ids]);
    await query(
      'delete from telemetry_journal j where not exists (select from telemetry_pending p where p.journal_id = j.id)',
    );
    expect(await rowsWith(needles)).toEqual([]);
    const { rows } = await query(
      'select count(*)::int as points, count(num)::int + count(txt)::int as clear, count(sealed)::int as chunks from points p join series s on s.id = p.series_id where s.health',
    );
    expect(rows[0].points).toBeGreaterThan(2000);
    expect(rows[0].clear).toBe(0);
    expect(rows[0].chunks).toBeGreaterThan(5);
    expect(rows[0].chunks).toBeLessThan(rows[0].points / 20);
  });

  it('refuses a value beside the seal, whoever writes it', async () => {
    await expect(query('update points set num = 1 where chunk is not null')).rejects.toThrow('points_sealed_alone');
    await expect(query("update points set txt = 'x' where chunk is not null")).rejects.toThrow('points_sealed_alone');
    await expect(query('update rollups_1m set max = 7 where sealed is not null')).rejects.toThrow('sealed_alone');
  });

  it('refuses to take a mark back', async () => {
    await expect(query('update series set health = false where health')).rejects.toThrow('of class health for good');
    await expect(query('update devices set health = false where health')).rejects.toThrow('of class health for good');
  });

  it('a chunk opens for its series and time only, and a row that was moved finds nothing', async () => {
    const keys = await dataKeysFor(telemetry.database);
    const { rows } = await query(
      `select series_id, (extract(epoch from ts) * 1000000)::bigint::text as micros, sealed from points where sealed is not null
       order by series_id, ts limit 2`,
    );
    const [one, two] = rows;
    const opened = await keys.open(one.sealed, chunkPlace(organisationId, one.series_id, Number(one.micros)));
    expect(opened.length).toBeGreaterThan(8);
    for (const [organisation, series, micros] of [
      [organisationId, two.series_id, two.micros],
      [organisationId, one.series_id, Number(one.micros) + 1],
      [organisationId + 1, one.series_id, one.micros],
    ])
      await expect(keys.open(one.sealed, chunkPlace(organisation, series, Number(micros)))).rejects.toThrow();
    const moved = await aDevice(telemetry.database, organisationId, true);
    await telemetry.submit(moved, [
      { metric: 'm', value: 1, timestamp: base },
      { metric: 'm', value: 2, timestamp: base + 1000 },
    ]);
    await query(
      "update points set ts = ts + interval '1 minute' where sealed is null and series_id = (select id from series where device_id = $1)",
      [moved.deviceId],
    );
    const fresh = await aTelemetry({ database: telemetry.database });
    const reading = fresh.get(telemetryRaw, organisationId, {
      deviceId: moved.deviceId,
      metric: 'm',
      ...range(base - HOUR, base + HOUR),
    });
    await expect(reading).rejects.toThrow('not in the chunk');
  });
});

describe('who may not', () => {
  const without = ['telemetry:read', 'analytics:read'] as const;
  const get = (endpoint: Parameters<TelemetryUnderTest['get']>[0], more: Record<string, string>) =>
    telemetry.get(endpoint, organisationId, more, without);

  it.each([
    [telemetryRaw, {}],
    [telemetryRaw, { maxPoints: '10' }],
    [telemetryHistory, { interval: '1h' }],
    [telemetrySummary, {}],
  ])('is refused with a reason', async (endpoint, more) => {
    const problem = await problemOf(get(endpoint, { deviceId: health.deviceId, metric: 'ramp', ...whole, ...more }));
    expect(problem).toMatchObject({ code: 'health_withheld', status: 403 });
    expect(problem.detail).toContain('health:read');
  });

  it('finds the series in the list and no value of them anywhere', async () => {
    const metrics = items(await get(telemetryMetrics, { deviceId: health.deviceId }));
    expect(metrics.filter(({ health }) => health).map(({ metric }) => metric)).toEqual([
      'late',
      'lead',
      'ramp',
      'rhythm',
    ]);
    expect(items(await get(telemetryLatest, { deviceId: health.deviceId }))).toEqual([]);
    expect(items(await get(telemetrySparklines, { deviceIds: health.deviceId, hours: '48' }))).toEqual([]);
  });

  it('hears nothing of them live; who may does', async () => {
    const [blind, seeing] = [
      telemetry.subscribe(organisationId, {}, without),
      telemetry.subscribe(organisationId, { deviceId: health.deviceId }),
    ];
    const open = await aDevice(telemetry.database, organisationId);
    for (const device of [health, open]) await telemetry.submit(device, [{ metric: 'now', value: 42 }]);
    expect(blind.messages.map(({ message }) => message['deviceId'])).toEqual([open.deviceId]);
    expect(seeing.messages.map(({ message }) => [message['deviceId'], message['value']])).toEqual([
      [health.deviceId, 42],
    ]);
    blind.end();
    seeing.end();
  });
});
