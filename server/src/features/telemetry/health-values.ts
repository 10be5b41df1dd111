import { setImmediate as breath } from 'node:timers/promises';
import type { Value } from '@valtronics/contract';
import { boundedCache } from '../../lib/bounded-cache.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Reader } from '../../security/audit/tokens.ts';
import type { Place } from '../../security/crypto/sealed-value.ts';
import {
  createPersonValues,
  DAMAGED,
  isOpened,
  type OwedToPersons,
  type PersonKeys,
  type Sealed,
  type Unopened,
} from '../../security/keys/person-values.ts';
import type { CommittedPoint, SeriesKey } from './committed.ts';
import { findChunks } from './health.repository.ts';
import { readChunk, readRollupValues, writeChunk, writeRollupValues } from './health-chunk.ts';
import type { PersonStretch } from './measured-persons.ts';
import type { RollupTable } from './rollup.repository.ts';
import type { RollupKey, RollupRow } from './rollup.ts';

type Owner = Pick<SeriesKey, 'id' | 'organisationId'>;

/** Values that lie in a chunk, sealed, for the rows that name it. */
export interface SealedChunk extends Sealed {
  /** Of the points it was made of, the first it does not hold. */
  readonly end: number;
  readonly chunkMicros: number;
}

/** A row of `points` of class health: its value, or where that lies. */
export interface HealthRow {
  readonly seriesId: number;
  readonly atMicros: number;
  readonly chunkMicros: number;
}

type StoredFigures = RollupKey & Pick<RollupRow, 'sealed' | 'subject'> & { readonly sketch: Buffer | null };

export interface HealthValues {
  /** As many points of the stretch as go into one chunk. All are of one series and day, in order of time. */
  seal(
    series: Owner,
    points: readonly Pick<CommittedPoint, 'atMicros' | 'value'>[],
    stretch: PersonStretch,
  ): Promise<SealedChunk>;
  /**
   * In the order of the rows; undefined where the chunk went with its retention meanwhile, and why where it does not open. All are of one organisation.
   */
  open(reader: Reader, organisationId: number, rows: readonly HealthRow[]): Promise<(Value | Unopened | undefined)[]>;
  sealRollup(organisationId: number, table: RollupTable, row: RollupRow, subject: string | undefined): Promise<Sealed>;
  /** In the order of the rows, and why where one does not open. */
  openRollups<R extends StoredFigures>(
    organisationId: number,
    table: RollupTable,
    rows: readonly R[],
  ): Promise<(R | Unopened)[]>;
}

const MAX_KEPT_CHUNKS = 128;
/** A chart that asks again every few seconds opens nothing twice; what nobody looks at is not kept in clear, and who was erased is gone by then. */
const KEPT_MS = 30_000;
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

/** Seals and opens what devices of class health measured, with the key of whom they measured or of their organisation (docs/health-telemetry.md). */
export function createHealthValues(deps: { dataKeys: PersonKeys; persons: OwedToPersons; clock: Clock }): HealthValues {
  const { clock } = deps;
  const values = createPersonValues(deps.dataKeys, deps.persons);
  // A stored value never changes, so a chunk that was opened stays what it is, also when it is sealed again under another key. Whoever finds it
  // here was shown its rows by the database first.
  const opened = boundedCache<ReadonlyMap<number, Value>>(MAX_KEPT_CHUNKS, clock);

  async function chunksOf(reader: Reader, organisationId: number, rows: readonly HealthRow[]) {
    const found = new Map<string, ReadonlyMap<number, Value> | Unopened>();
    const missing = new Map<string, HealthRow>();
    for (const row of rows) {
      const name = nameOf(row);
      if (found.has(name) || missing.has(name)) continue;
      const known = opened.get(`${organisationId}/${name}`);
      if (known) found.set(name, known);
      else missing.set(name, row);
    }
    let turns = 0;
    for (const chunk of await findChunks(reader, [...missing.values()])) {
      turns += 1;
      if (turns % OPENED_AT_ONCE === 0) await breath();
      const { seriesId, chunkMicros } = chunk;
      const plain = await values.open(chunk, chunkPlace(organisationId, seriesId, chunkMicros));
      const name = nameOf(chunk);
      if (!isOpened(plain)) {
        found.set(name, plain);
        continue;
      }
      const read = readChunk(plain);
      found.set(name, read);
      opened.set(`${organisationId}/${name}`, read, clock.now() + KEPT_MS);
    }
    return found;
  }

  return {
    async seal(series, points, { start, end, subject }) {
      const chunk = writeChunk(points, start, end);
      const chunkMicros = points[chunk.end - 1]?.atMicros ?? 0;
      const sealed = await values.seal(
        chunk.plain,
        chunkPlace(series.organisationId, series.id, chunkMicros),
        subject ?? null,
      );
      return { end: chunk.end, chunkMicros, ...sealed };
    },

    async open(reader, organisationId, rows) {
      if (rows.length === 0) return [];
      const chunks = await chunksOf(reader, organisationId, rows);
      return rows.map((row) => {
        const chunk = chunks.get(nameOf(row));
        if (chunk === undefined || !isOpened(chunk)) return chunk;
        // Only somebody who writes to the database beside us can have moved a row away from its value.
        return chunk.get(row.atMicros) ?? DAMAGED;
      });
    },

    sealRollup: (organisationId, table, row, subject) =>
      values.seal(writeRollupValues(row), rollupPlace(organisationId, table, row), subject ?? null),

    async openRollups(organisationId, table, rows) {
      const found: ((typeof rows)[number] | Unopened)[] = [];
      for (const row of rows) {
        if (found.length % OPENED_AT_ONCE === OPENED_AT_ONCE - 1) await breath();
        const { sealed, subject } = row;
        if (sealed === null) {
          found.push(row);
          continue;
        }
        const plain = await values.open({ sealed, subject }, rollupPlace(organisationId, table, row));
        found.push(isOpened(plain) ? { ...row, ...readRollupValues(plain), sealed: null, subject: null } : plain);
      }
      return found;
    },
  };
}

const nameOf = ({ seriesId, chunkMicros }: Pick<HealthRow, 'seriesId' | 'chunkMicros'>) => `${seriesId}/${chunkMicros}`;
