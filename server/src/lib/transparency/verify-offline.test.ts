import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newLeaf, openedValues } from './audit-leaf.ts';
import { checkpointText } from './checkpoint.ts';
import { valuesPath } from './entry-files.ts';
import { createFolderWriter } from './log-folder.ts';
import { leafHash } from './merkle.ts';
import { signerOf, signNote } from './signed-note.ts';
import { createEdge, TILE_WIDTH, tilesOf } from './tiles.ts';
import { verifyFolder } from './verify-offline.ts';

// An export of several parts, some of which the thread compares and some whoever walks: which, is a matter of time.

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
  const changed = [0, 9_000, 12_345, 20_479, 20_480, 30_720, SIZE - 1];
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
    return { position, entry: Buffer.from(entry), values: openedValues(source, salts) };
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

const aSource = (position: number) => ({
  id: `00000000-0000-4000-8000-${String(position).padStart(12, '0')}`,
  at: '2026-01-01T00:00:00.000000Z',
  event: 'device.changed',
  outcome: 'success',
  actorKind: 'user',
  actorId: null,
  actorLabel: `person-${position}@example.org`,
  resourceKind: null,
  resourceId: null,
  address: '192.0.2.1',
  requestId: null,
  details: {},
});
