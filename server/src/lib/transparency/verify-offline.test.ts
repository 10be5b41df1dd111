import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newLeaf, openedValues } from './audit-leaf.ts';
import { checkpointText } from './checkpoint.ts';
import { type EntryValues, valuesPath } from './entry-files.ts';
import { createFolderWriter } from './log-folder.ts';
import { leafHash } from './merkle.ts';
import { signerOf, signNote } from './signed-note.ts';
import { createEdge, readBundle, TILE_WIDTH, tilePath, tilesOf, writeBundle } from './tiles.ts';
import { verifyFolder } from './verify-offline.ts';

// An export of several parts, which threads look at beside each other. Every seventh entry has values that are not written as most are.

const SIZE = 32_010;
const NONE = Buffer.alloc(0);
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

it.each([
  // What each says beside a position and values is nobody's business, least of all how far the file was read.
  ['an end', { end: 1e9 }],
  ['an end before it', { end: -1 }],
  ['that it is usual', { isUsual: true }],
])('a line that says %s too stands for its entry and for nothing else', async (_, more) => {
  const file = fileOf(500);
  const text = readFileSync(file, 'utf8');
  const lines = text.split('\n');
  const line = JSON.parse(lines[0] ?? '');
  const rest = text.slice((lines[0] ?? '').length).replace('person-500@', 'nobody@');
  writeFileSync(file, JSON.stringify({ ...more, ...line }) + rest);
  expect(await found()).toEqual(['row_edited 500']);
  line.values['/details/forged'] = line.values['/address'];
  writeFileSync(file, JSON.stringify({ ...line, ...more }) + rest);
  expect(await found()).toEqual(['row_edited 256', 'row_edited 500']);
  writeFileSync(file, text);
});

it.each(['{"position":300}', '5', '"abc"', 'null', '[]', '{"values":{}}', '{"position":0300,"values":{}}'])(
  'a line that says nothing of an entry is refused: %s',
  async (line) => {
    const file = fileOf(500);
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, `${line}\n${text}`);
    await expect(found()).rejects.toThrow(SyntaxError);
    writeFileSync(file, text);
  },
);

it('lines for no entry are passed over, and of two for one entry the second is odd', async () => {
  const file = fileOf(500);
  const text = readFileSync(file, 'utf8');
  const first = JSON.parse(text.slice(0, text.indexOf('\n')));
  const strange = [-1, 0.5, 256.5, 1e15, 512].map((position) => JSON.stringify({ ...first, position })).join('\n');
  writeFileSync(file, `${strange}\n\n${text}`);
  expect(await found()).toEqual([]);
  writeFileSync(file, `${text.slice(0, text.indexOf('\n') + 1)}${text}`);
  expect(await found()).toEqual(['row_edited 256']);
  writeFileSync(file, text);
});

it('an entry that is no JSON any more is named, and values beside it fit nothing', async () => {
  const bundle = join(folder, tilePath({ level: 'entries', number: 1, width: TILE_WIDTH }));
  const bytes = readFileSync(bundle);
  const altered = Buffer.from(bytes);
  altered[bytes.indexOf('"details"') + 9] = 0x2c;
  writeFileSync(bundle, altered);
  expect(await found()).toContain('edited 256');
  writeFileSync(bundle, bytes);
});

it('an entry more than a bundle has stands for nothing, and is named', async () => {
  const bundle = join(folder, tilePath({ level: 'entries', number: 0, width: TILE_WIDTH }));
  const bytes = readFileSync(bundle);
  writeFileSync(
    bundle,
    Buffer.concat([bytes, writeBundle([Buffer.from('{"forged":1}'), ...Array(99_999).fill(NONE)])]),
  );
  expect(await found()).toEqual(['row_inserted 256']);
  writeFileSync(bundle, bytes);
});

it('values beside an entry that was taken away are odd', async () => {
  const bundle = join(folder, tilePath({ level: 'entries', number: 0, width: TILE_WIDTH }));
  const bytes = readFileSync(bundle);
  writeFileSync(bundle, writeBundle(readBundle(bytes).with(5, NONE)));
  expect(await found()).toEqual(['missing 5', 'row_edited 5']);
  writeFileSync(bundle, bytes);
});

it.each([
  ['a value that is no text', { '/address': { salt: 'AAAAAAAAAAAAAAAAAAAAAA==', value: { length: 1e9 } } }],
  ['a salt that is no text', { '/address': { salt: 5, value: 'x' } }],
  ['no value at all', { '/address': null, '/x': 7, '/y': {} }],
  ['a name every object has', JSON.parse('{"__proto__":{"salt":"","value":""},"constructor":{"salt":"","value":""}}')],
  ['a text of millions', { '/address': { salt: 'AAAA', value: 'ł'.repeat(12_000_000) } }],
  ['a list', [{ salt: '', value: '' }]],
])('%s fits nothing, and ends nothing', async (_, values) => {
  const file = fileOf(500);
  const text = readFileSync(file, 'utf8');
  const first = text.slice(0, text.indexOf('\n') + 1);
  writeFileSync(file, text.replace(first, `${JSON.stringify({ position: 256, values })}\n`));
  expect(await found()).toEqual(['row_edited 256']);
  const usual = JSON.parse(first);
  usual.values['/address'] = { ...usual.values['/address'], ...(values as Record<string, object>)['/address'] };
  writeFileSync(file, text.replace(first, `${JSON.stringify(usual)}\n`));
  expect(await found()).toEqual('/address' in values && values['/address'] !== null ? ['row_edited 256'] : []);
  writeFileSync(file, text);
});

it('what is no file of a log is refused, however long it would be waited for', async () => {
  const file = fileOf(500);
  const text = readFileSync(file, 'utf8');
  rmSync(file);
  execFileSync('mkfifo', [file]);
  await expect(found()).rejects.toThrow('is no file');
  rmSync(file);
  writeFileSync(file, '');
  truncateSync(file, 3 * 2 ** 30);
  await expect(found()).rejects.toThrow('is larger than any file of a log');
  writeFileSync(file, text);
  expect(await found()).toEqual([]);
});

it('one log that cannot be read keeps none of the others from being verified', async () => {
  const [bad, good] = ['a', 'b'].map((name) => join(folder, '..', 'two', name));
  for (const copy of [bad ?? '', good ?? '']) cpSync(folder, copy, { recursive: true });
  // Its first tile is missing altogether, so that the walk ends before it comes to what cannot be read.
  rmSync(join(bad ?? '', tilePath({ level: 'entries', number: 0, width: TILE_WIDTH })));
  rmSync(join(bad ?? '', tilePath({ level: 0, number: 0, width: TILE_WIDTH })));
  const cut = join(bad ?? '', tilePath({ level: 'entries', number: 45, width: TILE_WIDTH }));
  writeFileSync(cut, readFileSync(cut).subarray(0, -3));
  const verdicts = await verifyFolder(join(folder, '..', 'two'), [signer], []);
  expect(verdicts.map(({ findings }) => findings.map(({ kind }) => kind))).toEqual([['missing'], []]);
  rmSync(join(folder, '..', 'two'), { recursive: true });
});

it('what stands beyond the end that was signed is none of the log, and explains nothing that is missing', async () => {
  const copy = join(folder, '..', 'longer');
  cpSync(folder, copy, { recursive: true });
  const last = Math.floor(SIZE / TILE_WIDTH);
  const bundle = join(copy, tilePath({ level: 'entries', number: last, width: SIZE % TILE_WIDTH }));
  const forged = JSON.stringify({
    actor: { id: 'audit-log', kind: 'system' },
    at: '2026-06-01T00:00:00.000000Z',
    details: { below: 2 * TILE_WIDTH, olderThan: '2026-01-02T00:00:00.000000Z' },
    event: 'audit.pruned',
    kind: 'event',
    resource: { id: 'somebody', kind: 'audit_tree' },
  });
  const entries = readBundle(readFileSync(bundle));
  while (entries.length < TILE_WIDTH) entries.push(Buffer.from(forged));
  writeFileSync(bundle, writeBundle(entries));
  writeFileSync(
    join(copy, tilePath({ level: 0, number: last, width: TILE_WIDTH })),
    Buffer.concat(entries.map(leafHash)),
  );
  for (const number of [0, 1]) {
    rmSync(join(copy, tilePath({ level: 'entries', number, width: TILE_WIDTH })));
    rmSync(join(copy, valuesPath(number)));
  }
  const [verdict] = await verifyFolder(copy, [signer], []);
  expect(verdict).toMatchObject({ size: SIZE, prunedBelow: 0 });
  expect(verdict?.findings).toEqual([
    { kind: 'missing', position: 0, before: 512 },
    { kind: 'row_inserted', position: SIZE },
  ]);
  rmSync(copy, { recursive: true });
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
