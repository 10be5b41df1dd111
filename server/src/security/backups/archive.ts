import { createHash, hash } from 'node:crypto';
import { z } from 'zod';
import type { Blocks } from '../../lib/blocks.ts';
import { readTar, TarError, tarEnd, tarFile } from '../../lib/tar.ts';
import type { Sequence, Table } from '../../platform/db/dump/database-content.ts';
import type { TableDump } from '../../platform/db/dump/dump-tables.ts';

// What is inside of a backup: a tar of `backup.json` (which schema), the rows of each table in numbered parts (`tables/users/000001`; joined they
// are what COPY wrote), and `contents.json` (how many rows, which digests). Whoever has age, zstd, tar and psql reads it without us.

const HEAD = 'backup.json';
const CONTENTS = 'contents.json';
const PART_BYTES = 4 * 1024 * 1024;
const MAX_JSON_BYTES = 16 * 1024 * 1024;

const name = z.string().min(1).max(63);
const head = z.strictObject({
  format: z.literal('valtronics-backup/1'),
  postgres: z.string().max(80),
  migrations: z
    .array(z.strictObject({ name: z.string().max(200), sha256: z.string().length(64) }))
    .max(10_000)
    .readonly(),
  tables: z
    .array(z.strictObject({ name, columns: z.array(name).max(1_600).readonly() }))
    .max(100_000)
    .readonly(),
});
export type ArchiveHead = z.output<typeof head>;

const contents = z.strictObject({
  tables: z
    .array(
      z.strictObject({
        name,
        rows: z.int().nonnegative(),
        bytes: z.int().nonnegative(),
        sha256: z.string().length(64),
      }),
    )
    .max(100_000),
  sequences: z.array(z.strictObject({ name, value: z.string().regex(/^-?\d{1,19}$/) })).max(10_000),
});
export type ArchiveContents = z.output<typeof contents>;

export interface ContentsSummary {
  readonly sha256: string;
  readonly tables: number;
  readonly rows: number;
  readonly bytes: number;
}

export class ArchiveError extends Error {
  override readonly name = 'ArchiveError';
}

/** The archive as a stream; `summary` is called with what its list of contents says, before the last block. */
export async function* writeArchive(
  dump: TableDump,
  summary: (summary: ContentsSummary) => void,
): AsyncGenerator<Uint8Array> {
  const { serverVersion: postgres, migrations, tables } = dump;
  yield* tarFile(HEAD, json({ format: 'valtronics-backup/1', postgres, migrations, tables } satisfies ArchiveHead));
  const listed: ArchiveContents['tables'] = [];
  // Two in turn: a part that was handed out holds while the reader asks for what follows.
  let [part, before] = [Buffer.alloc(PART_BYTES), Buffer.alloc(PART_BYTES)];
  for (const table of tables) {
    const { blocks, rows } = dump.copy(table);
    const digest = createHash('sha256');
    let [bytes, number, length] = [0, 0, 0];
    const file = () => {
      const content = part.subarray(0, length);
      [part, before, length] = [before, part, 0];
      return tarFile(partName(table.name, ++number), content);
    };
    for await (const block of blocks) {
      digest.update(block);
      bytes += block.length;
      for (let rest = block; rest.length > 0; ) {
        const taken = rest.subarray(0, PART_BYTES - length);
        part.set(taken, length);
        length += taken.length;
        rest = rest.subarray(taken.length);
        if (length === PART_BYTES) yield* file();
      }
    }
    if (length > 0) yield* file();
    listed.push({ name: table.name, rows: await rows(), bytes, sha256: digest.digest('hex') });
  }
  const list = json({ tables: listed, sequences: await dump.sequences() } satisfies ArchiveContents);
  summary(summaryOf(list, listed));
  yield* tarFile(CONTENTS, list);
  yield tarEnd();
}

const partName = (table: string, number: number): string => `tables/${table}/${String(number).padStart(6, '0')}`;

/** Who takes what is read. */
export interface ArchiveSink {
  head(head: ArchiveHead): Promise<void>;
  table(table: Table): Promise<{ write(block: Uint8Array): Promise<void>; end(): Promise<number | undefined> }>;
}

/**
 * Reads an archive to its end and holds it against its own list: every table whole, none beside them. Throws an ArchiveError where it differs;
 * what the sink was given until then is to be thrown away.
 */
export async function readArchive(
  archive: Blocks,
  sink: ArchiveSink,
): Promise<{ summary: ContentsSummary; sequences: Sequence[]; rows: ReadonlyMap<string, number> }> {
  try {
    return await read(archive, sink);
  } catch (error) {
    if (error instanceof TarError) throw new ArchiveError(error.message, { cause: error });
    throw error;
  }
}

async function read(archive: Blocks, sink: ArchiveSink) {
  let opened: ArchiveHead | undefined;
  let list: Buffer | undefined;
  let current: Reading | undefined;
  const done = new Map<string, Awaited<ReturnType<Reading['end']>>>();
  const finish = async (): Promise<void> => {
    if (current) done.set(current.table.name, await current.end());
    current = undefined;
  };
  for await (const { name: entry, size, blocks } of readTar(archive)) {
    if (list) throw new ArchiveError(`the archive goes on behind ${CONTENTS}`);
    if (!opened) {
      if (entry !== HEAD) throw new ArchiveError(`the archive does not begin with ${HEAD}`);
      opened = await document(head, HEAD, blocks, size);
      await sink.head(opened);
    } else if (entry === CONTENTS) {
      await finish();
      list = await collected(blocks, size);
    } else {
      const [, tableName = '', number] = /^tables\/([^/]+)\/(\d{6,})$/.exec(entry) ?? [];
      if (current?.table.name !== tableName) {
        await finish();
        const table = opened.tables.find((candidate) => candidate.name === tableName);
        if (!table || done.has(tableName)) throw new ArchiveError(`the archive holds ${JSON.stringify(entry)}`);
        current = await reading(table, sink);
      }
      if (Number(number) !== current.nextPart()) throw new ArchiveError(`a part before ${entry} is missing`);
      for await (const block of blocks) await current.take(block);
    }
  }
  if (!opened || !list) throw new ArchiveError(`the archive ends before ${CONTENTS}`);
  const listed = valid(contents, CONTENTS, list);
  if (listed.tables.map((table) => table.name).join() !== opened.tables.map((table) => table.name).join())
    throw new ArchiveError(`${CONTENTS} lists other tables than ${HEAD}`);
  for (const { name: tableName, ...said } of listed.tables) {
    const is = done.get(tableName) ?? { bytes: 0, sha256: hash('sha256', '', 'hex'), rows: 0 };
    if (is.bytes !== said.bytes || is.sha256 !== said.sha256 || is.rows !== said.rows)
      throw new ArchiveError(`the rows of ${tableName} are not those that ${CONTENTS} lists`);
  }
  return {
    summary: summaryOf(list, listed.tables),
    sequences: listed.sequences,
    rows: new Map(listed.tables.map((table) => [table.name, table.rows])),
  };
}

type Reading = Awaited<ReturnType<typeof reading>>;

async function reading(table: Table, sink: ArchiveSink) {
  const writer = await sink.table(table);
  const digest = createHash('sha256');
  let [bytes, rows, part] = [0, 0, 0];
  return {
    table,
    nextPart: () => ++part,
    async take(block: Uint8Array) {
      digest.update(block);
      bytes += block.length;
      rows += linesIn(block);
      await writer.write(block);
    },
    async end() {
      const loaded = (await writer.end()) ?? rows;
      if (loaded !== rows) throw new ArchiveError(`${loaded} of the ${rows} rows of ${table.name} were loaded`);
      return { rows, bytes, sha256: digest.digest('hex') };
    },
  };
}

/** COPY ends every row with a newline, and writes one that is within a value as `\\n`. */
function linesIn(block: Uint8Array): number {
  let lines = 0;
  for (let at = block.indexOf(0x0a); at >= 0; at = block.indexOf(0x0a, at + 1)) lines += 1;
  return lines;
}

const json = (value: unknown): Buffer => Buffer.from(`${JSON.stringify(value)}\n`);

function summaryOf(list: Uint8Array, tables: ArchiveContents['tables']): ContentsSummary {
  const total = (of: 'rows' | 'bytes') => tables.reduce((sum, table) => sum + table[of], 0);
  return { sha256: hash('sha256', list, 'hex'), tables: tables.length, rows: total('rows'), bytes: total('bytes') };
}

async function collected(blocks: Blocks, size: number): Promise<Buffer> {
  if (size > MAX_JSON_BYTES) throw new ArchiveError('a list of the archive is over 16 MiB');
  const parts: Buffer[] = [];
  for await (const block of blocks) parts.push(Buffer.from(block));
  return Buffer.concat(parts);
}

const document = async <S extends z.ZodType>(schema: S, file: string, blocks: Blocks, size: number) =>
  valid(schema, file, await collected(blocks, size));

function valid<S extends z.ZodType>(schema: S, file: string, bytes: Buffer): z.output<S> {
  try {
    return schema.parse(JSON.parse(bytes.toString('utf8')));
  } catch (error) {
    throw new ArchiveError(`${file} of the archive cannot be read`, { cause: error });
  }
}
