import { setImmediate as breath } from 'node:timers/promises';
import type { Value } from '@valtronics/contract';
import { boundedCache } from '../../lib/bounded-cache.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Reader } from '../../security/audit/tokens.ts';
import type { Place } from '../../security/crypto/sealed-value.ts';
import type { Sealing } from '../../security/keys/data-keys.ts';
import type { CommittedPoint, SeriesKey } from './committed.ts';
import { findChunks } from './health.repository.ts';
import { readChunk, readRollupValues, writeChunk, writeRollupValues } from './health-chunk.ts';
import type { RollupTable } from './rollup.repository.ts';
import type { RollupKey, RollupRow } from './rollup.ts';

type Owner = Pick<SeriesKey, 'id' | 'organisationId'>;

/** Values that lie in a chunk, sealed, for the rows that name it. */
export interface SealedChunk {
  /** Of the points it was made of, the first it does not hold. */
  readonly end: number;
  readonly chunkMicros: number;
  readonly sealed: Buffer;
}

/** A row of `points` of class health: its value, or where that lies. */
export interface HealthRow {
  readonly seriesId: number;
  readonly atMicros: number;
  readonly chunkMicros: number;
}

type StoredFigures = RollupKey & { readonly sealed: Buffer | null; readonly sketch: Buffer | null };

export interface HealthValues {
  /** As many points from `start` on as go into one chunk. All are of one series and day, in order of time. */
  seal(
    series: Owner,
    points: readonly Pick<CommittedPoint, 'atMicros' | 'value'>[],
    start: number,
    end: number,
  ): Promise<SealedChunk>;
  /** In the order of the rows; undefined where the chunk went with its retention meanwhile. All are of one organisation. */
  open(reader: Reader, organisationId: number, rows: readonly HealthRow[]): Promise<(Value | undefined)[]>;
  sealRollup(organisationId: number, table: RollupTable, row: RollupRow): Promise<Buffer>;
  openRollups<R extends StoredFigures>(organisationId: number, table: RollupTable, rows: readonly R[]): Promise<R[]>;
}

const MAX_KEPT_CHUNKS = 128;
/** A chart that asks again every few seconds opens nothing twice; what nobody looks at is not kept in clear. */
const KEPT_MS = 60_000;
/** Some ten milliseconds of opening, and then others get their turn. */
const OPENED_AT_ONCE = 500;

export const chunkPlace = (organisation: number, seriesId: number, chunkMicros: number): Place => ({
  organisation,
  table: 'points',
  column: 'sealed',
  row: `${seriesId}/${chunkMicros}`,
});

export const rollupPlace = (organisation: number, table: RollupTable, { seriesId, startMicros }: RollupKey): Place => ({
  organisation,
  table,
  column: 'sealed',
  row: `${seriesId}/${startMicros}`,
});

/** Seals and opens what devices of class health measured, with the data key of their organisation (docs/health-telemetry.md). */
export function createHealthValues({ dataKeys, clock }: { dataKeys: Sealing; clock: Clock }): HealthValues {
  // A stored value never changes, so a chunk that was opened stays what it is, also when it is sealed again under another key. Whoever finds it
  // here was shown its rows by the database first.
  const opened = boundedCache<ReadonlyMap<number, Value>>(MAX_KEPT_CHUNKS, clock);

  async function chunksOf(reader: Reader, organisationId: number, rows: readonly HealthRow[]) {
    const found = new Map<string, ReadonlyMap<number, Value>>();
    const missing = new Map<string, HealthRow>();
    for (const row of rows) {
      const name = nameOf(row);
      if (found.has(name) || missing.has(name)) continue;
      const known = opened.get(`${organisationId}/${name}`);
      if (known) found.set(name, known);
      else missing.set(name, row);
    }
    let turns = 0;
    for (const { seriesId, chunkMicros, sealed } of await findChunks(reader, [...missing.values()])) {
      turns += 1;
      if (turns % OPENED_AT_ONCE === 0) await breath();
      const values = readChunk(await dataKeys.open(sealed, chunkPlace(organisationId, seriesId, chunkMicros)));
      const name = nameOf({ seriesId, chunkMicros });
      found.set(name, values);
      opened.set(`${organisationId}/${name}`, values, clock.now() + KEPT_MS);
    }
    return found;
  }

  return {
    async seal(series, points, start, end) {
      const chunk = writeChunk(points, start, end);
      const chunkMicros = points[chunk.end - 1]?.atMicros ?? 0;
      const sealed = await dataKeys.seal(chunk.plain, chunkPlace(series.organisationId, series.id, chunkMicros));
      return { end: chunk.end, chunkMicros, sealed };
    },

    async open(reader, organisationId, rows) {
      if (rows.length === 0) return [];
      const chunks = await chunksOf(reader, organisationId, rows);
      return rows.map((row) => {
        const chunk = chunks.get(nameOf(row));
        const value = chunk?.get(row.atMicros);
        // Only somebody who writes to the database beside us can have moved a row away from its value.
        if (chunk && value === undefined) throw new Error('a point of class health is not in the chunk that it names');
        return value;
      });
    },

    sealRollup: (organisationId, table, row) =>
      dataKeys.seal(writeRollupValues(row), rollupPlace(organisationId, table, row)),

    async openRollups(organisationId, table, rows) {
      const whole: (typeof rows)[number][] = [];
      for (const row of rows) {
        if (whole.length % OPENED_AT_ONCE === OPENED_AT_ONCE - 1) await breath();
        if (row.sealed === null) whole.push(row);
        else {
          const plain = await dataKeys.open(row.sealed, rollupPlace(organisationId, table, row));
          whole.push({ ...row, ...readRollupValues(plain), sealed: null });
        }
      }
      return whole;
    },
  };
}

const nameOf = ({ seriesId, chunkMicros }: Pick<HealthRow, 'seriesId' | 'chunkMicros'>) => `${seriesId}/${chunkMicros}`;
