import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newLeaf, openedValues } from './audit-leaf.ts';
import { checkpointText } from './checkpoint.ts';
import { type EntryValues, valuesPath } from './entry-files.ts';
import { createFolderWriter } from './log-folder.ts';
import { leafHash } from './merkle.ts';
import { signerOf, signNote } from './signed-note.ts';
import { createEdge, TILE_WIDTH, tilesOf } from './tiles.ts';
import { verifyFolder } from './verify-offline.ts';

// An export of several parts, which threads look at beside each other. Every seventh entry has values that are not written as most are.

const SIZE = 32_000;
const signer = signerOf('test.example.org/audit/0/somebody', Buffer.alloc(32, 7));
let folder: string;
beforeAll(async () => {
  folder = join(mkdtempSync(join(tmpdir(), 'valtronics-parts-')), 'log');
  await writeLog(createFolderWriter(folder));
});
afterAll(() => rmSync(join(folder, '..'), { recursive: true, force: true }));

const found = async () =>
  (await verifyFolder(folder, [signer], [])).flatMap(({ findings }) =>
    findings.map(({ kind, position }) => `${kind} ${position}`),
  );

it('personal values that were changed are found at their positions, in whichever part of an export', async () => {
  expect(await found()).toEqual([]);
  const changed = [0, 7_000, 9_000, 12_345, 20_479, 20_480, 30_720, SIZE - 1];
  const originals = changed.map((position) => {
    const file = fileOf(position);
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace(`person-${position}@`, 'nobody@'));
    return [file, text] as const;
  });
  expect(await found()).toEqual(changed.map((position) => `row_edited ${position}`));
  for (const [file, text] of originals.toReversed()) writeFileSync(file, text);
  expect(await found()).toEqual([]);
});

it('a value of somebody else, a salt, a line that stands for another entry: each is found', async () => {
  const file = fileOf(500);
  const text = readFileSync(file, 'utf8');
  const lines = text.split('\n');
  const of = (position: number): string => lines[position - TILE_WIDTH] ?? '';
  const altered = async (from: string, to: string): Promise<string[]> => {
    writeFileSync(file, text.replace(from, to));
    return found();
  };
  expect(await altered('person-500@', 'person-501@')).toEqual(['row_edited 500']);
  expect(await altered(of(500), of(500).replace('"192.0.2.1"', '"192.0.2.2"'))).toEqual(['row_edited 500']);
  expect(await altered(of(500), of(500).replace('"192.0.2.1"', '"192.0.2.1\\u0020"'))).toEqual(['row_edited 500']);
  expect(await altered(of(500), of(500).replaceAll(/"salt":"../g, '"salt":"AA'))).toEqual(['row_edited 500']);
  expect(await altered(of(500), of(500).replaceAll('"salt":"', '"salt":"AAAA'))).toEqual(['row_edited 500']);
  expect(await altered(of(500), of(500).replace('"position":500', '"position":501'))).toEqual(['row_edited 501']);
  writeFileSync(file, text);
  expect(await found()).toEqual([]);
});

it('of nearly every line that is written as most are, each part counts', async () => {
  const file = fileOf(500);
  const text = readFileSync(file, 'utf8');
  const line = text.split('\n')[500 - TILE_WIDTH] ?? '';
  const usual = JSON.parse(line);
  for (const pointer of ['/address', '/actor/label']) {
    for (const part of ['salt', 'value']) {
      const other = structuredClone(usual);
      other.values[pointer][part] = part === 'salt' ? Buffer.alloc(16).toString('base64') : '192.0.2.9';
      writeFileSync(file, text.replace(line, JSON.stringify(other)));
      expect([pointer, part, await found()]).toEqual([pointer, part, ['row_edited 500']]);
    }
  }
  writeFileSync(file, text);
});

it.each([0, 15_000, SIZE - 1])(
  'values that cannot be read are no good ones, and nobody waits for them: %i',
  async (position) => {
    const file = fileOf(position);
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.subarray(0, 100));
    await expect(found()).rejects.toThrow(SyntaxError);
    writeFileSync(file, bytes);
  },
);

const fileOf = (position: number): string => join(folder, valuesPath(Math.floor(position / TILE_WIDTH)));

async function writeLog(writer: ReturnType<typeof createFolderWriter>): Promise<void> {
  const leaves = Array.from({ length: SIZE }, (_, position) => {
    const source = aSource(position);
    const { entry, salts } = newLeaf(source);
    return { position, entry: Buffer.from(entry), values: asStored(openedValues(source, salts)) };
  });
  const edge = createEdge();
  const rows: Buffer[][] = [leaves.map(({ entry }) => leafHash(entry))];
  for (const hash of rows[0] ?? [])
    for (const { level, root } of edge.append(hash)) rows[level + 1] = [...(rows[level + 1] ?? []), root];
  for (const place of tilesOf(SIZE)) {
    const first = place.number * TILE_WIDTH;
    writer.tile(place, Buffer.concat(rows[place.level]?.slice(first, first + place.width) ?? []));
  }
  for (let from = 0; from < SIZE; from += TILE_WIDTH) {
    const part = leaves.slice(from, from + TILE_WIDTH);
    writer.entries(
      from / TILE_WIDTH,
      part.map(({ entry }) => entry),
      part.map(({ position, values }) => ({ position, values })),
    );
  }
  writer.checkpoints([signNote(checkpointText({ origin: signer.name, size: SIZE, root: edge.root() }), signer)]);
}

/** In the order in which a database gives the names of an object: shorter ones first. */
const asStored = (values: EntryValues['values']): EntryValues['values'] =>
  Object.fromEntries(Object.entries(values).toSorted(([a], [b]) => a.length - b.length));

const aSource = (position: number) => ({
  id: `00000000-0000-4000-8000-${String(position).padStart(12, '0')}`,
  at: '2026-01-01T00:00:00.000000Z',
  event: 'device.changed',
  outcome: 'success',
  actorKind: 'user',
  actorId: null,
  actorLabel: position % 7 === 0 ? `"Jos\u00e9" person-${position}@example.org` : `person-${position}@example.org`,
  resourceKind: null,
  resourceId: null,
  address: position % 14 === 0 ? null : '192.0.2.1',
  requestId: null,
  details: position % 21 === 0 ? { name: `typed by person-${position}` } : {},
});
