import { userInvite } from '@valtronics/contract';
import { expect, it } from 'vitest';
import { fieldErrors, fieldOf, schemaErrors } from './use-contract-form.ts';

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
