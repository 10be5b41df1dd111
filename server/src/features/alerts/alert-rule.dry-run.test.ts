import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aDevice, anOrganisation, aRule, aSeries } from '../../../../tests/support/alert-fixtures.ts';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { manualClock } from '../../lib/clock.ts';
import { createTransactions } from '../../security/audit/transactions.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import { createDryRun, type DryRunLimits, dryRunLimits, type RecordedHistory } from './alert-rule.dry-run.ts';

const NOW = Date.UTC(2026, 0, 2);
const FROM = '2026-01-01T00:00:00.000Z';
const TO = '2026-01-01T01:00:00.000Z';
const clock = manualClock(NOW);

let db: TestDatabase;
let transactions: Transactions;
let organisation: number;
let freezer: string;
let oven: string;

beforeAll(async () => {
  db = await aDatabase();
  transactions = createTransactions(db);
  organisation = await anOrganisation(db);
  freezer = await aDevice(db, organisation, { name: 'Freezer', type: 'freezer' });
  oven = await aDevice(db, organisation, { name: 'Oven', type: 'oven' });
  await aSeries(db, organisation, freezer);
  await aSeries(db, organisation, oven);
  await aDevice(db, organisation, { name: 'Silent', type: 'freezer' });
});
afterAll(() => db.drop());

const at = (second: number): string => new Date(Date.parse(FROM) + second * 1000).toISOString();

/** `[second, value]` of each device, in pages of two. */
function aHistory(series: Record<string, [number, number][]>): RecordedHistory {
  return {
    async *points(_reader, deviceId) {
      const points = series[deviceId] ?? [];
      for (let place = 0; place < points.length; place += 2)
        yield points.slice(place, place + 2).map(([second, value]) => ({
          atMicros: (Date.parse(FROM) + second * 1000) * 1000,
          value,
        }));
    },
  };
}

function run(
  series: Record<string, [number, number][]>,
  rule: Parameters<typeof aRule>[0] = {},
  limits: Partial<DryRunLimits> = {},
  to = TO,
) {
  const dryRun = createDryRun({ history: aHistory(series), clock, limits: { ...dryRunLimits, ...limits } });
  return transactions.read(organisation, (reader) =>
    dryRun({ reader, seesHealth: true }, { rule: aRule(rule), from: FROM, to }),
  );
}

describe('dry run', () => {
  it('tells when the rule would have fired, with the worst value, in order of time', async () => {
    const result = await run({
      [freezer]: [
        [0, 5],
        [60, 9],
        [120, 12],
        [180, 7],
        [240, 9],
      ],
      [oven]: [[30, 200]],
    });
    expect(result).toEqual({
      devices: 2,
      evaluatedDevices: 2,
      evaluatedPoints: 6,
      truncated: false,
      firings: [
        { deviceId: oven, deviceName: 'Oven', from: at(30), to: null, peak: 200 },
        { deviceId: freezer, deviceName: 'Freezer', from: at(60), to: at(180), peak: 12 },
        { deviceId: freezer, deviceName: 'Freezer', from: at(240), to: null, peak: 9 },
      ],
    });
  });

  it('concerns the devices that the rule does', async () => {
    const points: [number, number][] = [[0, 9]];
    const series = { [freezer]: points, [oven]: points };
    expect((await run(series, { deviceType: 'oven' })).firings.map(({ deviceName }) => deviceName)).toEqual(['Oven']);
    expect((await run(series, { deviceId: freezer })).firings.map(({ deviceName }) => deviceName)).toEqual(['Freezer']);
    expect(await run(series, { metric: 'humidity' })).toMatchObject({ devices: 0, firings: [] });
  });

  it('finds the silences of no-data rules, also one that lasts to the end', async () => {
    const result = await run(
      {
        [freezer]: [
          [0, 5],
          [300, 5],
          [301, 5],
        ],
      },
      { condition: 'no_data', threshold: null, forSeconds: 100, deviceId: freezer },
    );
    expect(result.firings).toMatchObject([
      { from: at(100), to: at(300), peak: null },
      { from: at(401), to: null },
    ]);
  });

  it('says when it did not look at everything', async () => {
    const series = { [freezer]: [0, 1, 2, 3, 4, 5].map((second): [number, number] => [second, 5]) };
    expect(await run(series, {}, { points: 3 })).toMatchObject({
      truncated: true,
      evaluatedPoints: 4,
      evaluatedDevices: 1,
    });
    expect(await run(series, {}, { devices: 1 })).toMatchObject({ truncated: true, devices: 2, evaluatedDevices: 1 });
    const flapping = [0, 1, 2, 3, 4, 5].map((second): [number, number] => [second, second % 2 === 0 ? 9 : 5]);
    const result = await run({ [freezer]: flapping }, {}, { firings: 2 });
    expect(result.firings).toHaveLength(2);
    expect(result.truncated).toBe(true);
  });

  it('refuses too long a range, and one that ends before it begins', async () => {
    const later = new Date(Date.parse(FROM) + 31 * 86_400_000).toISOString();
    await expect(run({}, {}, {}, later)).rejects.toMatchObject({ errors: [{ path: 'from' }] });
    await expect(run({}, {}, {}, FROM)).rejects.toMatchObject({ errors: [{ path: 'to' }] });
  });

  it('lets only a few run at once', async () => {
    const gate = Promise.withResolvers<void>();
    let reading = 0;
    const history: RecordedHistory = {
      async *points() {
        reading += 1;
        await gate.promise;
        yield [];
      },
    };
    const dryRun = createDryRun({ history, clock });
    const start = () =>
      transactions.read(organisation, (reader) =>
        dryRun({ reader, seesHealth: true }, { rule: aRule(), from: FROM, to: TO }),
      );
    const running = [start(), start()];
    await expect.poll(() => reading, { timeout: 20_000 }).toBe(2);
    await expect(start()).rejects.toMatchObject({ code: 'overloaded' });
    gate.resolve();
    await expect(Promise.all(running)).resolves.toHaveLength(2);
  });
});
