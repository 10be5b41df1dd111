import { userInvite } from '@valtronics/contract';
import { expect, it } from 'vitest';
import { atFields, fieldErrors, fieldOf, schemaErrors } from './use-contract-form.ts';

it.each([
  ['email', 'email'],
  ['body.email', 'email'],
  ['/body/rule/threshold', 'threshold'],
  ['rule.threshold', 'threshold'],
  ['metadata.rack', 'metadata.rack'],
])('finds the field of %s', (path, field) => {
  expect(fieldOf(path)).toBe(field);
});

it('keeps the first complaint about a field', () => {
  const errors = [
    { path: 'name', message: 'is too short' },
    { path: 'name', message: 'is odd' },
  ];
  expect(fieldErrors(errors)).toEqual({ name: 'Is too short' });
});

it('reports what the contract refuses, under the field', () => {
  expect(Object.keys(schemaErrors(userInvite.body, { email: 'nobody', role: 'K' }))).toEqual(
    expect.arrayContaining(['email', 'role']),
  );
  expect(schemaErrors(userInvite.body, { email: 'a@b.example', role: 'user' })).toEqual({});
});

it('puts a complaint about an entry under its list, the first of several, and names the entry', () => {
  const values = { networks: ['192.0.2.0/24', 'home', 'work'], name: '' };
  const found = {
    'networks.1': 'Is no network',
    'networks.2': 'Is none either',
    name: 'Is too short',
    other: 'Is odd',
  };
  expect(atFields(found, values)).toEqual({
    networks: 'home: Is no network',
    name: 'Is too short',
    other: 'Is odd',
  });
  expect(atFields({ networks: 'Too many' }, values)).toEqual({ networks: 'Too many' });
});
