import { deviceRegister, point } from '@valtronics/contract';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pointsBetween, type SimulatedDevice, type SimulatedPoint } from './device.ts';
import { demoFleet, syntheticFleet } from './fleet.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const start = Date.UTC(2026, 10, 25);

const anInstant = fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2037, 0, 1) });
const anIndex = fc.nat({ max: demoFleet().length - 1 });

function deviceAt(index: number): SimulatedDevice {
  const device = demoFleet()[index];
  if (!device) throw new Error('no such device');
  return device;
}

function named(part: string): SimulatedDevice {
  const device = demoFleet().find(({ name }) => name.includes(part));
  if (!device) throw new Error(`no device is called ${part}`);
  return device;
}

const numbers = (points: SimulatedPoint[], metric: string): { at: number; value: number }[] =>
  points.flatMap((each) =>
    each.metric === metric && typeof each.value === 'number' ? [{ at: each.timestamp, value: each.value }] : [],
  );

describe('a fleet', () => {
  test('has at least 24 devices of six kinds over three transports, each one the contract would register', () => {
    const fleet = demoFleet();
    expect(fleet.length).toBeGreaterThanOrEqual(24);
    expect(new Set(fleet.map(({ type }) => type)).size).toBe(6);
    expect(new Set(fleet.map(({ transport }) => transport)).size).toBe(3);
    expect(new Set(fleet.map(({ serial }) => serial)).size).toBe(fleet.length);
    for (const { name, type, location, serial, health } of fleet) {
      expect(deviceRegister.body.safeParse({ name, type, location, serial, health }).error).toBeUndefined();
      expect(health).toBe(type === 'patient_vitals');
    }
  });

  test('of any size has unlike devices with names and serials of their own', () => {
    const fleet = syntheticFleet(1000);
    expect(new Set(fleet.map(({ name }) => name)).size).toBe(1000);
    expect(new Set(fleet.map(({ serial }) => serial)).size).toBe(1000);
    const [first, , , , , , , , ninth] = fleet;
    expect(first?.type).toBe(ninth?.type);
    expect(first?.model(start)).not.toEqual(ninth?.model(start));
  });

  test('sends only points the contract takes, stamped within what was asked for and in order', () => {
    for (const device of demoFleet()) {
      const points = [...pointsBetween(device, start, start + HOUR)];
      expect(points.length).toBeGreaterThan(0);
      for (const [index, each] of points.entries()) {
        expect(point.safeParse(each).error).toBeUndefined();
        expect(each.timestamp).toBeGreaterThanOrEqual(points[index - 1]?.timestamp ?? start);
        expect(each.timestamp).toBeLessThan(start + HOUR);
      }
    }
  });
});

describe('one continuous curve', () => {
  test('asking in pieces gives exactly what asking at once gives', () => {
    fc.assert(
      fc.property(anIndex, anInstant, fc.nat(900_000), fc.nat(900_000), (index, from, first, second) => {
        const device = deviceAt(index);
        const whole = [...pointsBetween(device, from, from + first + second)];
        const pieces = [
          ...pointsBetween(device, from, from + first),
          ...pointsBetween(device, from + first, from + first + second),
        ];
        expect(pieces).toEqual(whole);
      }),
      { numRuns: 60 },
    );
  });

  test('a fleet built anew, asked in any order, measures the same', () => {
    fc.assert(
      fc.property(anIndex, fc.array(anInstant, { minLength: 2, maxLength: 8 }), (index, instants) => {
        const forwards = instants.map((at) => deviceAt(index).model(at));
        const device = deviceAt(index);
        const backwards = instants.toReversed().map((at) => device.model(at));
        expect(backwards.toReversed()).toEqual(forwards);
      }),
      { numRuns: 60 },
    );
  });

  test('a thinner history lies on the same instants with the same values, so sending both stores nothing twice', () => {
    for (const device of demoFleet()) {
      const fine = new Map(
        [...pointsBetween(device, start, start + HOUR)].map((each) => [`${each.metric} ${each.timestamp}`, each.value]),
      );
      const thin = [...pointsBetween(device, start, start + HOUR, 30)].filter(({ value }) => typeof value === 'number');
      expect(thin.length).toBeGreaterThan(0);
      for (const { metric, timestamp, value } of thin) expect(fine.get(`${metric} ${timestamp}`)).toBe(value);
    }
  });

  test('no number jumps further from one measurement to the next than its physics allow', () => {
    const most: Record<string, number> = {
      freezer_temperature: 1,
      fridge_temperature: 0.8,
      room_temperature: 0.4,
      humidity: 1.5,
      dew_point: 0.8,
      filter_pressure: 8,
      co2: 60,
      pm2_5: 45,
      voc: 60,
      bearing_temperature: 4,
      body_temperature: 0.3,
      spo2: 4,
      heart_rate: 9,
      resp_rate: 4,
    };
    const jumps: string[] = [];
    for (const device of demoFleet()) {
      const points = [...pointsBetween(device, start, start + DAY)];
      for (const { name } of device.metrics) {
        const bound = most[name];
        if (bound === undefined) continue;
        const series = numbers(points, name);
        for (const [index, { at, value }] of series.entries()) {
          const before = series[index - 1];
          if (!before || at - before.at > 60_000) continue;
          if (Math.abs(value - before.value) > bound) jumps.push(`${device.name} ${name} at ${at}`);
        }
      }
    }
    expect(jumps).toEqual([]);
  });
});

describe('what the devices measure', () => {
  test('stays in a plausible range over 60 days, at the resolution of a sensor', () => {
    const ranges: Record<string, [least: number, most: number, steps: number]> = {
      freezer_temperature: [-21, -3, 10],
      fridge_temperature: [2, 14, 10],
      room_temperature: [16, 26, 10],
      humidity: [25, 95, 10],
      dew_point: [-2, 22, 10],
      room_pressure: [-2, 20, 10],
      filter_pressure: [20, 260, 1],
      co2: [400, 3500, 1],
      pm2_5: [0.5, 110, 10],
      voc: [5, 2500, 1],
      velocity_rms: [0, 15, 100],
      bearing_temperature: [30, 70, 10],
      heart_rate: [40, 150, 1],
      spo2: [78, 100, 1],
      resp_rate: [6, 30, 1],
      body_temperature: [35.5, 38.2, 10],
      systolic: [80, 180, 1],
      diastolic: [45, 115, 1],
    };
    const odd: string[] = [];
    for (const device of demoFleet()) {
      for (let at = start; at < start + 60 * DAY; at += 607_000) {
        for (const [name, value] of Object.entries(device.model(at) ?? {})) {
          if (typeof value !== 'number') continue;
          const [least, most, steps] = ranges[name] ?? [1, 0, 1];
          const onStep = Math.abs(value * steps - Math.round(value * steps)) < 1e-6;
          if (value < least || value > most || !onStep) odd.push(`${device.name} ${name} ${value} at ${at}`);
        }
      }
    }
    expect(odd).toEqual([]);
  });

  test('a freezer passes −15 °C only because of its door, and comes back every time', () => {
    const points = [...pointsBetween(named('Vaccine freezer A'), start, start + 3 * DAY)];
    const doors = points.filter(({ metric, value }) => metric === 'door_open' && value === true);
    const warm = numbers(points, 'freezer_temperature').filter(({ value }) => value > -15);
    expect(warm.length).toBeGreaterThan(0);
    for (const { at } of warm)
      expect(doors.some(({ timestamp }) => timestamp <= at && timestamp > at - 20 * 60_000)).toBe(true);
    const longest = warm.reduce(
      (run, { at }, index) => ({
        now: at - (warm[index - 1]?.at ?? 0) <= 10_000 ? run.now + 10 : 10,
        most: Math.max(run.most, run.now),
      }),
      { now: 0, most: 0 },
    ).most;
    expect(longest).toBeLessThan(15 * 60);
  });

  test('carbon dioxide follows the people: far higher in office hours than at night', () => {
    const device = named('Meeting room');
    const mean = (fromHour: number, toHour: number) => {
      const values = [0, 1, 2].flatMap((day) =>
        numbers(
          [...pointsBetween(device, start + day * DAY + fromHour * HOUR, start + day * DAY + toHour * HOUR)],
          'co2',
        ),
      );
      return values.reduce((sum, { value }) => sum + value, 0) / values.length;
    };
    expect(mean(9, 17)).toBeGreaterThan(mean(0, 5) + 250);
  });

  test('the hour of the day is the one of the place', () => {
    const shifted = demoFleet({ utcOffsetMinutes: 720 }).find(({ name }) => name.startsWith('Patient monitor 3-01'));
    const states = (device: SimulatedDevice | undefined, hour: number) => device?.model(start + hour * HOUR)?.state;
    expect(states(named('Patient monitor 3-01'), 2)).toBe('asleep');
    expect(states(named('Patient monitor 3-01'), 14)).not.toBe('asleep');
    expect(states(shifted, 14)).toBe('asleep');
  });

  test('a machine at rest does not vibrate', () => {
    const points = [...pointsBetween(named('Pump P-205'), start, start + DAY)];
    const stops = points.filter(({ metric, value }) => metric === 'running' && value === false);
    expect(stops.length).toBeGreaterThan(0);
    const byTime = new Map(numbers(points, 'velocity_rms').map(({ at, value }) => [at, value]));
    const atRest = stops.map(({ timestamp }) => byTime.get(timestamp + 60_000) ?? 0);
    expect(atRest.some((rms) => rms < 0.1)).toBe(true);
  });

  test('the weak radio falls silent for minutes some times a day, the others never', () => {
    const silences = (device: SimulatedDevice) => {
      const times = [...new Set([...pointsBetween(device, start, start + DAY)].map(({ timestamp }) => timestamp))];
      return times.filter((at, index) => index > 0 && at - (times[index - 1] ?? at) > 120_000).length;
    };
    expect(silences(named('weak radio'))).toBeGreaterThan(8);
    expect(silences(named('loose contact'))).toBeGreaterThan(60);
    expect(silences(named('Plasma freezer'))).toBe(0);
  });
});
