import { Problem } from '../../lib/problem.ts';
import {
  aDevice,
  anOrganisation,
  aTelemetry,
  eventually,
  type TelemetryUnderTest,
  type TestDevice,
} from './telemetry.builders.ts';

// What the tests of reading start from: three hours of a rising value, a switch and a text, some days ago.

export type Row = Record<string, unknown>;

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
export const now = Date.now();
/** A whole hour. */
export const base = now - (now % HOUR) - 3 * DAY;
export const at = (ms: number) => new Date(ms).toISOString();

export interface Recording {
  readonly telemetry: TelemetryUnderTest;
  readonly organisationId: number;
  readonly device: TestDevice;
  of(metric: string, from: number, to: number, more?: Record<string, string>): Record<string, string>;
  end(): Promise<void>;
}

export async function aRecording(): Promise<Recording> {
  const telemetry = await aTelemetry({ tuning: { rollupGatherMs: 5 } });
  const organisationId = await anOrganisation(telemetry.database);
  const device = await aDevice(telemetry.database, organisationId);
  telemetry.start();
  // A value every ten seconds: 0, 1, 2 …
  const ramp = Array.from({ length: 1080 }, (_, index) => ({
    metric: 'ramp',
    value: index,
    unit: 'V',
    timestamp: base + index * 10_000,
  }));
  await telemetry.submit(device, ramp);
  await telemetry.submit(device, [
    { metric: 'switch', value: true, timestamp: base },
    { metric: 'switch', value: false, timestamp: base + 1000 },
    { metric: 'mode', value: 'auto', timestamp: base },
    { metric: 'mode', value: 'manual', timestamp: base + DAY },
  ]);
  await eventually(async () => {
    const { rows } = await telemetry.database.admin.query('select 1 from telemetry_pending limit 1');
    return rows.length === 0;
  }, 'all rollups are applied');
  return {
    telemetry,
    organisationId,
    device,
    of: (metric, from, to, more = {}) => ({ deviceId: device.deviceId, metric, from: at(from), to: at(to), ...more }),
    async end() {
      await telemetry.drain();
      await telemetry.database.drop();
    },
  };
}

export const items = (answer: Row) => answer['items'] as Row[];

export async function problemOf(work: Promise<unknown>): Promise<Problem> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Problem)) throw new Error(`no problem, but ${String(error)}`);
  return error;
}
