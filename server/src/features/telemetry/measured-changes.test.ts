import { telemetryHistory, telemetryLatest, telemetryRaw, telemetrySummary } from '@valtronics/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dataKeysOn } from '../../../../tests/support/data-keys.ts';
import { chunkPlace, rollupPlace } from './health-values.ts';
import { aMeasuring, type Measuring, ofDevice, range, upTo } from './measured.builders.ts';
import { base, HOUR, items, MINUTE, type Row } from './recording.builders.ts';
import { aTelemetry } from './telemetry.builders.ts';

// What is measured of a person lies under the key of that person, whenever it was said whom the device measures; and goes with them.

let m: Measuring;
beforeAll(async () => {
  m = await aMeasuring();
});
afterAll(() => m?.end());

describe('what is measured while it is known of whom', () => {
  it('lies under the key of that person, cut where the device changes hands, and reads as ever', async () => {
    const device = await m.device();
    const [ada, ben] = [await m.person(), await m.person()];
    await m.assign(device, ada, base, base + HOUR);
    await m.assign(device, ben, base + HOUR, base + 2 * HOUR);
    await m.submit(device, base, 180);
    expect(await m.pointOwners(device)).toEqual([ada, ben, 'organisation']);
    expect(await m.rollupOwners('rollups_1m', device)).toEqual([ada, ben, 'organisation']);
    expect(await m.rollupOwners('rollups_1h', device)).toEqual([ada, ben, 'organisation']);
    expect(await m.values(device)).toEqual(upTo(180));
    const plain = await m.device(false);
    await m.submit(plain, base, 180);
    for (const [endpoint, more] of [
      [telemetryHistory, { metric: 'pulse', ...range, interval: '1m' }],
      [telemetryHistory, { metric: 'pulse', ...range, interval: '1h' }],
      [telemetrySummary, { metric: 'pulse', ...range }],
      [telemetryLatest, {}],
    ] as const)
      expect(JSON.stringify(await m.ask(endpoint, device, more)).replaceAll(device.deviceId, '')).toBe(
        JSON.stringify(await m.ask(endpoint, plain, more)).replaceAll(plain.deviceId, ''),
      );
    const [chunk] = await m.query(
      `select series_id, (extract(epoch from ts) * 1000000)::bigint::text as micros, sealed from points
       where ${ofDevice} and subject_id = $2`,
      [device.deviceId, ada],
    );
    const place = chunkPlace(m.organisationId, chunk.series_id, Number(chunk.micros));
    expect((await m.dataKeys.open(chunk.sealed, place, ada)).length).toBeGreaterThan(60);
    await expect(m.dataKeys.open(chunk.sealed, place, ben)).rejects.toMatchObject({ problem: 'refused' });
    await expect(m.dataKeys.open(chunk.sealed, place)).rejects.toMatchObject({ problem: 'refused' });
  });

  it('is taken in also where the key store is away, for the organisation', async () => {
    const device = await m.device();
    await m.assign(device, await m.person(), base);
    const without = await aTelemetry({ database: m.database, dataKeys: await dataKeysOn(m.database, m) });
    expect(await without.submit(device, [{ metric: 'pulse', value: 61, timestamp: base }])).toMatchObject({
      accepted: 1,
    });
    await without.drain();
    expect(await m.pointOwners(device)).toEqual(['organisation']);
    expect(await m.query('select 1 from points where subject_id is not null and sealed is null')).toEqual([]);
  });
});

describe('whoever is erased', () => {
  it('takes what was measured of them along at once, also in what was copied before, and nothing else', async () => {
    const device = await m.device();
    const [ada, ben] = [await m.person(), await m.person()];
    await m.assign(device, ada, base, base + HOUR);
    await m.assign(device, ben, base + HOUR);
    await m.submit(device, base, 180);
    const copied = await m.query(
      `select 'points' as place, series_id, (extract(epoch from ts) * 1000000)::bigint::text as micros, sealed from points where ${ofDevice} and subject_id = $2
       union all select 'rollups_1m', series_id, (extract(epoch from bucket) * 1000000)::bigint::text, sealed from rollups_1m where ${ofDevice} and subject_id = $2
       union all select 'rollups_1h', series_id, (extract(epoch from bucket) * 1000000)::bigint::text, sealed from rollups_1h where ${ofDevice} and subject_id = $2`,
      [device.deviceId, ada],
    );
    expect(copied.length).toBe(1 + 60 + 1);
    const open = ({ place, series_id, micros, sealed }: Row) => {
      const key = { seriesId: Number(series_id), startMicros: Number(micros) };
      return m.dataKeys.open(
        sealed as Buffer,
        place === 'points'
          ? chunkPlace(m.organisationId, key.seriesId, key.startMicros)
          : rollupPlace(m.organisationId, place as 'rollups_1m' | 'rollups_1h', key),
        ada,
      );
    };
    for (const one of copied) expect((await open(one)).length).toBeGreaterThan(0);
    await m.erase(ada);
    for (const one of copied) await expect(open(one)).rejects.toMatchObject({ problem: 'no-key' });
    // Before anything is tidied up as well.
    const check = async () => {
      expect(await m.values(device)).toEqual(upTo(180, 60));
      const paged = await m.ask(telemetryRaw, device, { metric: 'pulse', ...range, limit: '7' });
      expect(items(paged as Row).map(({ value }) => value)).toEqual(upTo(67, 60));
      expect(await m.counts(device, '1h')).toEqual([60, 60]);
      expect(items((await m.ask(telemetryLatest, device, {})) as Row)).toMatchObject([{ value: 179 }]);
      expect(await m.ask(telemetrySummary, device, { metric: 'pulse', ...range })).toMatchObject({
        min: 60,
        count: 120,
      });
    };
    await check();
    await m.settle();
    await check();
    expect(await m.pointOwners(device)).toEqual([ben]);
    expect(await m.rollupOwners('rollups_1m', device)).toEqual([ben]);
    expect(await m.query('select count(*)::int as left from points where subject_id = $1', [ada])).toEqual([
      { left: 0 },
    ]);
    expect(
      await m.query(
        `select details from audit_events where event = 'telemetry.erased' and resource_id = $1 order by at, id`,
        [device.deviceId],
      ),
      // Her hour may hold minutes of others: it is looked at last, and here it holds none.
    ).toEqual([{ details: { points: 60, rollups: 60 } }, { details: { points: 0, rollups: 1 } }]);
  });

  it('leaves nothing that was sealed for the organisation before it was said whom the device measures', async () => {
    const device = await m.device();
    await m.submit(device, base, 180);
    const ada = await m.person();
    await m.assign(device, ada, base + 30 * MINUTE, base + 90 * MINUTE);
    // Before it could be sealed for them.
    await m.erase(ada);
    expect(await m.values(device)).toEqual(upTo(180));
    await m.settle();
    expect(await m.values(device)).toEqual([...upTo(30), ...upTo(180, 90)]);
    const left = await m.query(`select count(*)::int as minutes from rollups_1m where ${ofDevice}`, [device.deviceId]);
    expect(left).toEqual([{ minutes: 120 }]);
    // Who adds up minutes and hours does not write back what it remembers.
    await m.submit(device, base + 179 * MINUTE + 1000, 1, 500);
    await m.submit(device, base + 95 * MINUTE + 1000, 1, 500);
    expect((await m.counts(device, '1m')).length).toBe(120);
    expect(await m.counts(device, '1h')).toEqual([30, 31, 61]);
  });
});

describe('whom a device measured, said after the fact', () => {
  it('is what it was sealed for from then on; taken back, it is the organisation’s again', async () => {
    const device = await m.device();
    await m.submit(device, base, 180);
    const [ada, ben] = [await m.person(), await m.person()];
    const first = await m.assign(device, ada, base + 30 * MINUTE, base + 90 * MINUTE);
    await m.assign(device, ben, base + 90 * MINUTE);
    await m.settle();
    expect(await m.pointOwners(device)).toEqual(['organisation', ada, ben]);
    expect(await m.rollupOwners('rollups_1m', device)).toEqual(['organisation', ada, ben]);
    // The first hour is hers from its middle, the second hers and his for as long: one of them has it.
    expect(await m.rollupOwners('rollups_1h', device)).toEqual([ada, ben]);
    expect(await m.values(device)).toEqual(upTo(180));
    await m.unassign(first);
    await m.settle();
    expect(await m.pointOwners(device)).toEqual(['organisation', ben]);
    expect(await m.values(device)).toEqual(upTo(180));
    expect(await m.query('select 1 from measured_changes')).toEqual([]);
  });

  it('is left as it is where somebody removes a point meanwhile, and done the next time', async () => {
    const device = await m.device();
    // Within an hour, so within a day and one chunk.
    await m.submit(device, base, 30);
    const ada = await m.person();
    await m.assign(device, ada, base);
    let removed = 0;
    await m.settle(async () => {
      if (removed > 0) return;
      removed += 1;
      await m.query(`delete from points where ${ofDevice} and ts = (select min(ts) from points where ${ofDevice})`, [
        device.deviceId,
      ]);
    });
    expect(removed).toBe(1);
    expect(await m.pointOwners(device)).toEqual(['organisation']);
    expect(await m.query('select subject_id from measured_changes')).toEqual([{ subject_id: ada }]);
    await m.settle();
    expect(await m.pointOwners(device)).toEqual([ada]);
    expect(await m.values(device)).toEqual(upTo(30, 1));
  });
});
