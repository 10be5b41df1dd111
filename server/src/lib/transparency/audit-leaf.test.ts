import { hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../canonical-json.ts';
import { anEvent as ordinary } from './audit-leaf.builders.ts';
import {
  compareLeaf,
  falseValues,
  isWhole,
  type LeafSource,
  newLeaf,
  openedValues,
  type Salts,
  usualCommitments,
} from './audit-leaf.ts';
import { leafFields } from './plain-leaf.ts';

/** Leaves that look, in one way or another, as if a commitment stood where it does not. */
const leaves: Readonly<Record<string, LeafSource>> = {
  'an ordinary one': ordinary,
  'details with the same names': {
    ...ordinary,
    details: { actor: { label: 'eve' }, address: 'elsewhere', label: 'x' },
  },
  'nobody who acted': { ...ordinary, actorId: null, actorLabel: null, details: { label: 'eve@example.org' } },
  'no address': { ...ordinary, address: null, details: { address: '203.0.113.9' } },
  'an id that has to be escaped': { ...ordinary, actorId: 'a"},"label":{"commitment":"b\\' },
  'a label that looks like a leaf': { ...ordinary, actorLabel: '{"actor":{"id":null,"kind":"user","label":null}' },
  'texts longer than others': { ...ordinary, actorLabel: '🙂'.repeat(5_000), details: { name: 'é'.repeat(9_000) } },
  'letters beyond ASCII': { ...ordinary, actorId: 'ü', actorLabel: 'Åsa 🙂', address: '2001:db8::1' },
};

it('a leaf is canonical JSON, whatever stands in it, and says all that the row does', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('"', '\\', '\u0000\u001f', '\u007f\u2028', '</script>'),
  );
  const texts = fc.record({ id: text, at: text, event: text, outcome: text, actorKind: text });
  const optional = fc.record({
    actorId: fc.option(text),
    resourceKind: fc.option(text),
    resourceId: fc.option(text),
    requestId: fc.option(text),
  });
  fc.assert(
    fc.property(texts, optional, (some, others) => {
      const source = { ...ordinary, ...some, ...others };
      const { entry } = newLeaf(source);
      const said = JSON.parse(entry);
      expect(canonicalJson(said)).toBe(entry);
      const { id, kind, version, at, event, outcome, requestId } = said;
      expect({ id, at, event, outcome, requestId, actorKind: said.actor.kind, actorId: said.actor.id }).toEqual({
        ...some,
        actorId: source.actorId,
        requestId: source.requestId,
      });
      expect([kind, version, said.resource?.id ?? null, said.resource?.kind ?? null]).toEqual([
        'event',
        1,
        source.resourceId,
        source.resourceKind,
      ]);
    }),
  );
});

describe('personal values beside a leaf', () => {
  it.each(Object.entries(leaves))('fit where they were logged, and nowhere else: %s', (_, source) => {
    const { entry, salts } = newLeaf(source);
    const values = openedValues(source, salts);
    expect(Object.keys(values).length).toBeGreaterThan(0);
    expect(falseValues(entry, values)).toEqual([]);
    const places = ['/actor/label', '/address', '/details', '/details/name', ...Object.keys(values)];
    for (const [from, opened] of Object.entries(values)) {
      expect(falseValues(entry, { [from]: { ...opened, value: `${opened.value} ` } })).toEqual([from]);
      for (const to of places.filter((place) => place !== from))
        expect(falseValues(entry, { [to]: opened }), `${from} at ${to}`).toEqual([to]);
    }
  });

  it('cannot be cut by moving their beginning into the salt, or begin with the end of it', () => {
    const source = { ...ordinary, actorLabel: 'not-ada@example.org' };
    const { entry, salts } = newLeaf(source);
    const salt = Buffer.from(salts['/actor/label'] ?? '', 'base64');
    const longer = Buffer.concat([salt, Buffer.from('not-')]).toString('base64');
    expect(compareLeaf(source, salts, entry)).toEqual({ fits: true, erased: [] });
    const shown = { ...source, actorLabel: 'ada@example.org' };
    expect(compareLeaf(shown, { ...salts, '/actor/label': longer }, entry).fits).toBe(false);
    const values = { '/actor/label': { salt: longer, value: 'ada@example.org' } };
    expect(falseValues(entry, values)).toEqual(['/actor/label']);
    // A leaf that commits to nothing there either says no more for it.
    expect(falseValues(newLeaf({ ...source, actorLabel: null }).entry, values)).toEqual(['/actor/label']);
    // Nor does what is none.
    expect(falseValues(entry.slice(1), values)).toEqual(['/actor/label']);
    expect(falseValues('', {})).toEqual([]);

    const commitment = hash('sha256', 'a salt of letternot-ada@example.org', 'base64');
    const opened = (of: string, value: string) => ({ '/x': { salt: Buffer.from(of).toString('base64'), value } });
    const lettered = JSON.stringify({ x: { commitment } });
    expect(falseValues(lettered, opened('a salt of letter', 'not-ada@example.org'))).toEqual([]);
    expect(falseValues(lettered, opened('a salt of ', 'letternot-ada@example.org'))).toEqual(['/x']);
  });
});

describe('what is told without parsing a leaf', () => {
  it.each(Object.entries(leaves))('is what parsing it tells: %s', (_, source) => {
    const { entry } = newLeaf(source);
    const said = JSON.parse(entry);
    const usual = usualCommitments(Buffer.from(entry).toString('latin1'));
    if (source.actorId === leaves['an id that has to be escaped']?.actorId) expect(usual).toBeUndefined();
    else expect(usual).toEqual({ label: said.actor.label?.commitment, address: said.address?.commitment });
    expect(usualCommitments(` ${entry}`)).toBeUndefined();
  });

  it('ends where its entry does', () => {
    const text = newLeaf(ordinary).entry;
    const needed = text.indexOf('"at":"') + 6;
    expect(usualCommitments(text.slice(0, needed))).toBeDefined();
    expect(usualCommitments(text.slice(0, needed - 1))).toBeUndefined();
  });

  it('takes no leaf that commits to nothing for one that fits a value without a salt', () => {
    const { entry, salts } = newLeaf(ordinary);
    const { '/actor/label': _, ...left } = salts;
    const { commitment } = JSON.parse(entry).actor.label;
    for (const said of ['undefined', '', 'null']) {
      const forged = entry.replace(commitment, said);
      for (const some of [left, { ...left, '/actor/label': 'AAAA' }, salts])
        expect(isWhole(ordinary, some, forged)).toBe(false);
    }
    const nothing = entry.replace(`{"commitment":"${commitment}"}`, '');
    for (const row of [ordinary, { ...ordinary, actorLabel: null }]) expect(isWhole(row, salts, nothing)).toBe(false);
    const detail = newLeaf({ ...ordinary, actorLabel: null, address: null });
    expect(isWhole({ ...ordinary, actorLabel: null, address: null }, {}, detail.entry)).toBe(false);
  });

  const alterations: Readonly<Record<string, (row: LeafSource, salts: Salts) => readonly [LeafSource, Salts]>> = {
    nothing: (row, salts) => [row, salts],
    ...Object.fromEntries(
      leafFields
        .filter((name) => name !== 'details')
        .flatMap((name) => [
          [name, (row: LeafSource, salts: Salts) => [{ ...row, [name]: `${row[name] ?? ''}x` }, salts] as const],
          [`${name}, gone`, (row: LeafSource, salts: Salts) => [{ ...row, [name]: null }, salts] as const],
        ]),
    ),
    details: (row, salts) => [{ ...row, details: { ...row.details, more: 1 } }, salts],
    'details, gone': (row, salts) => [{ ...row, details: { erased: true } }, salts],
    'label and its salt': (row, { '/actor/label': _, ...salts }) => [{ ...row, actorLabel: null }, salts],
    'a salt': (row, { '/actor/label': _, ...salts }) => [row, salts],
    'all salts': (row) => [row, {}],
    'a longer salt': (row, salts) => [row, { ...salts, '/address': `AAAA${salts['/address'] ?? ''}` }],
  };

  it('of a row that is whole, is what comparing it tells, whatever was done to it', () => {
    let whole = 0;
    fc.assert(
      fc.property(
        fc.record({
          base: fc.constantFrom(...Object.values(leaves)),
          alteration: fc.constantFrom(...Object.values(alterations)),
          actorLabel: fc.option(fc.string({ unit: 'grapheme', maxLength: 20 })),
          details: fc.dictionary(
            fc.constantFrom('name', 'role', 'changed', '__proto__', 'a/b~c', 'é'),
            fc.oneof(
              fc.string(),
              fc.integer(),
              fc.boolean(),
              fc.constant(null),
              fc.array(fc.string(), { maxLength: 3 }),
            ),
          ),
        }),
        ({ base, alteration, ...own }) => {
          const source = { ...base, ...own };
          const { entry, salts } = newLeaf(source);
          const [row, left] = alteration(source, salts);
          const { fits, erased } = compareLeaf(row, left, entry);
          expect(isWhole(row, left, entry)).toBe(fits && erased.length === 0);
          if (fits) whole += 1;
        },
      ),
      { numRuns: 1_000 },
    );
    expect(whole).toBeGreaterThan(20);
  });
});
