import { describe, expect, it } from 'vitest';
import { falseValues, type LeafSource, newLeaf, openedValues } from './audit-leaf.ts';

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
});
