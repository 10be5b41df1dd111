import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { compareLeaf, falseValues, type LeafSource, newLeaf, openedValues } from './audit-leaf.ts';

const ordinary: LeafSource = {
  id: '2881d646-3756-40e9-b92b-0b9b712d5843',
  at: '2026-01-01T00:00:00.000000Z',
  event: 'device.changed',
  outcome: 'success',
  actorKind: 'user',
  actorId: 'd904b334-bb62-4bf4-97fe-e43084ab30a8',
  actorLabel: 'ada@example.org',
  resourceKind: 'device',
  resourceId: 'c39c828b-d4de-481a-9261-304323b69d20',
  address: '192.0.2.1',
  requestId: null,
  details: { name: 'freezer' },
};

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

    const commitment = hash('sha256', 'a salt of letternot-ada@example.org', 'base64');
    const opened = (of: string, value: string) => ({ '/x': { salt: Buffer.from(of).toString('base64'), value } });
    const lettered = JSON.stringify({ x: { commitment } });
    expect(falseValues(lettered, opened('a salt of letter', 'not-ada@example.org'))).toEqual([]);
    expect(falseValues(lettered, opened('a salt of ', 'letternot-ada@example.org'))).toEqual(['/x']);
  });
});
