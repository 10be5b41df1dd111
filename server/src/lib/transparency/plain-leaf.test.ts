import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anEvent } from './audit-leaf.builders.ts';
import { isWhole, type LeafSource, newLeaf, type Salts } from './audit-leaf.ts';
import { createPlainLeaves, leafFields } from './plain-leaf.ts';

const ordinary: LeafSource = { ...anEvent, requestId: 'request-1', details: { changed: ['name'], health: true } };

/** Leaf and row in one piece of memory, as they are copied, between bytes of others. */
function isPlain(row: LeafSource, salts: Salts, entry: string): boolean {
  const fields = leafFields.map((name) => (name === 'details' ? JSON.stringify(row.details) : row[name]));
  const [all, bounds]: [Buffer[], { start: number; end: number }[]] = [[], []];
  let length = 0;
  for (const text of [entry, null, ...fields]) {
    const between = Buffer.from('"');
    const bytes = Buffer.from(text ?? '');
    bounds.push(text === null ? { start: -1, end: length } : { start: length + 1, end: length + 1 + bytes.length });
    all.push(between, bytes);
    length += 1 + bytes.length;
  }
  const [leaf] = bounds;
  const rowBounds = { start: (at: number) => bounds[at]?.start ?? -1, end: (at: number) => bounds[at]?.end ?? -1 };
  return createPlainLeaves(Buffer.concat(all), rowBounds, 2)(leaf?.start ?? 0, leaf?.end ?? 0, salts);
}

/** Half of what texts need that reach beyond the quotes they stand in. */
const hostile = fc
  .array(
    fc.constantFrom(
      '"',
      '\\',
      ',',
      ':',
      '{',
      '}',
      'a',
      'é',
      '🙂',
      '\n',
      '\u007f',
      '"kind":"',
      '","kind":"',
      '"},"address":',
      'null',
    ),
    { maxLength: 5 },
  )
  .map((parts) => parts.join(''));
const texts = fc.oneof({ weight: 12, arbitrary: fc.constantFrom('a', 'user', 'x') }, { weight: 1, arbitrary: hostile });
const someDetails = fc.oneof(
  fc.constantFrom({}, { changed: ['name'] }),
  fc.dictionary(
    fc.constantFrom('name', 'role', 'changed', 'b', 'aa', 'é', '__proto__'),
    fc.oneof(
      hostile,
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
      fc.array(texts, { maxLength: 2 }),
    ),
  ),
);
const sources: fc.Arbitrary<LeafSource> = fc.record({
  id: texts,
  at: texts,
  event: texts,
  outcome: texts,
  actorKind: texts,
  actorId: fc.option(texts),
  actorLabel: fc.option(texts),
  resourceKind: fc.option(texts),
  resourceId: fc.option(texts),
  address: fc.option(texts),
  requestId: fc.option(texts),
  details: someDetails,
});

describe('a row that is plainly what its leaf says', () => {
  it.each([
    ['as nearly all are', {}],
    [
      'nothing but what has to be there',
      {
        actorId: null,
        actorLabel: null,
        resourceKind: null,
        resourceId: null,
        address: null,
        requestId: null,
        details: {},
      },
    ],
    ['letters beyond ASCII', { actorId: 'ü', actorLabel: 'Åsa 🙂', address: '2001:db8::1' }],
    ['what has to be escaped where it is only committed to', { actorLabel: '"}\\' }],
    ['half of a resource', { resourceKind: null }],
    ['details whose names are kept in another order', { details: { b: 1, aa: [true, null], é: { y: 1, x: 0.5 } } }],
    ['details that are not remembered', { details: { reason: 'x'.repeat(2_000) } }],
  ])('%s', (_, other) => {
    const source = { ...ordinary, ...other };
    const { entry, salts } = newLeaf(source);
    expect(isPlain(source, salts, entry)).toBe(true);
    expect(isPlain(source, salts, entry)).toBe(true);
    for (const name of leafFields.filter((name) => name !== 'details')) {
      expect(isPlain({ ...source, [name]: `${source[name] ?? ''}x` }, salts, entry), name).toBe(false);
      if (source[name] !== null) expect(isPlain({ ...source, [name]: null }, salts, entry), `no ${name}`).toBe(false);
    }
    expect(isPlain({ ...source, details: { ...source.details, more: 1 } }, salts, entry)).toBe(false);
    for (const end of [entry.slice(0, -1), `${entry} `, '', '{']) expect(isPlain(source, salts, end), end).toBe(false);
  });

  it('is not told of one that has something to commit to in its details, or to escape: that takes a closer look', () => {
    for (const other of [
      { details: { name: 'freezer' } },
      { actorId: 'a"b' },
      { event: 'a\\b' },
      { requestId: 'a\nb' },
    ]) {
      const source = { ...ordinary, ...other };
      const { entry, salts } = newLeaf(source);
      expect([isPlain(source, salts, entry), isWhole(source, salts, entry)]).toEqual([false, true]);
    }
  });

  it('needs the salt of every value, as long as ours are, and none where there is no value', () => {
    const { entry, salts } = newLeaf(ordinary);
    const { '/address': salt = '', ...without } = salts;
    for (const some of [
      without,
      {},
      { ...salts, '/address': `AAAA${salt}` },
      { ...salts, '/address': '' },
      { ...salts, '/address': 7 as never },
    ])
      expect(isPlain(ordinary, some, entry)).toBe(false);
    const nowhere = { ...ordinary, address: null };
    const leaf = newLeaf(nowhere);
    expect(isPlain(nowhere, leaf.salts, leaf.entry)).toBe(true);
    expect(isPlain(nowhere, { ...leaf.salts, '/address': salt }, leaf.entry)).toBe(false);
  });

  it('is whole, whatever stands in it and whatever was exchanged', () => {
    let plain = 0;
    fc.assert(
      fc.property(sources, sources, fc.subarray([...leafFields]), (source, other, exchanged) => {
        const { entry, salts } = newLeaf(source);
        const row = { ...source, ...Object.fromEntries(exchanged.map((name) => [name, other[name]])) } as LeafSource;
        if (!isPlain(row, salts, entry)) return;
        plain += 1;
        expect(isWhole(row, salts, entry)).toBe(true);
      }),
      { numRuns: 5_000 },
    );
    expect(plain).toBeGreaterThan(100);
  });

  it('is whole even against a leaf that was put together without escaping anything', () => {
    const raw = (text: string | null) => (text === null ? 'null' : `"${text}"`);
    let plain = 0;
    fc.assert(
      fc.property(sources, fc.boolean(), (some, isTold) => {
        const source = { ...some, actorLabel: null, address: null, details: {} };
        const resource =
          source.resourceKind === null && source.resourceId === null
            ? 'null'
            : `{"id":${raw(source.resourceId)},"kind":${raw(source.resourceKind)}}`;
        const entry = `{"actor":{"id":${raw(source.actorId)},"kind":${raw(source.actorKind)},"label":null},"address":null,"at":${raw(source.at)},"details":{},"event":${raw(source.event)},"id":${raw(source.id)},"kind":"event","outcome":${raw(source.outcome)},"requestId":${raw(source.requestId)},"resource":${resource},"version":1}`;
        const row = isTold ? source : { ...source, actorId: `${source.actorId}","kind":"${source.actorKind}` };
        if (!isPlain(row, {}, entry)) return;
        plain += 1;
        expect(isWhole(row, {}, entry)).toBe(true);
      }),
      { numRuns: 3_000 },
    );
    expect(plain).toBeGreaterThan(100);
  });
});
