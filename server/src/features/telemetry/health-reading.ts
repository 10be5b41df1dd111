import type { Permission, Value } from '@valtronics/contract';
import { Problem } from '../../lib/problem.ts';
import type { Reader } from '../../security/audit/tokens.ts';
import { DAMAGED, isOpened, LOCKED, type Unopened } from '../../security/keys/person-values.ts';
import type { SeriesKey } from './committed.ts';
import type { HealthValues } from './health-values.ts';
import type { RollupTable } from './rollup.repository.ts';
import {
  findHealthPoints,
  findPoints,
  findRollupRange,
  type PointAt,
  type RollupPart,
  type TimeRange,
} from './telemetry.repository.ts';

/** Somebody looks: where, how what is sealed is opened, and whether they may see it. */
export interface Look {
  readonly reader: Reader;
  readonly health: HealthValues;
  readonly seesHealth: boolean;
}

/** The one rule of who sees what devices of class health measured, for every answer that could hold it. */
export const seesHealth = ({ permissions }: { readonly permissions: ReadonlySet<Permission> }): boolean =>
  permissions.has('health:read');

export const withheld = (): Problem =>
  new Problem('health_withheld', { detail: 'Values of class health are shown to who holds health:read.' });

const TRIES = 3;

/**
 * What can be shown of what was opened: what is left of nobody is left out. Rather than with a hole that looks like silence of the device, an answer
 * fails where values are there and cannot be read now, or were altered.
 */
export function shown<T>(values: readonly (T | Unopened)[]): T[] {
  if (values.includes(LOCKED))
    throw new Problem('unavailable', {
      detail: 'The key store cannot be reached: what was measured of persons is readable again once it can.',
    });
  if (values.includes(DAMAGED))
    throw new Error('a measurement of class health was altered, or a point is not in the chunk that it names');
  return values.filter(isOpened);
}

/** What was stored of a series, oldest first, with the values of class health opened. */
export async function readPoints(
  { reader, health }: Omit<Look, 'seesHealth'>,
  series: Pick<SeriesKey, 'id' | 'organisationId' | 'valueType' | 'health'>,
  range: TimeRange,
  limit: number,
): Promise<PointAt[]> {
  if (!series.health) return findPoints(reader, series, range, limit);
  const points: PointAt[] = [];
  // What was measured of somebody erased is left out, and whoever asked for so many points gets as many as there are.
  for (let { fromMicros } = range; ; ) {
    const wanted = limit - points.length;
    const rows = await readHealthRows({ reader, health }, series, { ...range, fromMicros }, wanted);
    points.push(...shown(rows.map(({ atMicros, value }) => (isOpened<Value>(value) ? { atMicros, value } : value))));
    const last = rows.at(-1);
    if (last === undefined || rows.length < wanted || points.length === limit) return points;
    fromMicros = last.atMicros + 1;
  }
}

interface HealthPointAt {
  readonly atMicros: number;
  readonly value: Value | Unopened;
}

async function readHealthRows(
  { reader, health }: Omit<Look, 'seesHealth'>,
  series: Pick<SeriesKey, 'id' | 'organisationId' | 'valueType'>,
  range: TimeRange,
  limit: number,
): Promise<HealthPointAt[]> {
  for (let turn = 1; ; turn += 1) {
    const rows = await findHealthPoints(reader, series, range, limit);
    const sealed = rows.filter(({ value }) => value === undefined);
    const values = await health.open(reader, series.organisationId, sealed);
    const opened = new Map<number, (typeof values)[number]>(
      sealed.map(({ atMicros }, index) => [atMicros, values[index]]),
    );
    const points = rows.flatMap(({ atMicros, value }): HealthPointAt[] => {
      const found = value === undefined ? opened.get(atMicros) : value;
      return found === undefined ? [] : [{ atMicros, value: found }];
    });
    // A chunk that went with its retention between two statements: then its rows are gone as well.
    if (points.length === rows.length || turn === TRIES) return points;
  }
}

export async function readRollups(
  { reader, health }: Omit<Look, 'seesHealth'>,
  table: RollupTable,
  series: Pick<SeriesKey, 'id' | 'organisationId' | 'health'>,
  range: TimeRange,
  withSketch: boolean,
): Promise<RollupPart[]> {
  const parts = await findRollupRange(reader, table, series.id, range, withSketch);
  return series.health ? shown(await health.openRollups(series.organisationId, table, parts)) : parts;
}
