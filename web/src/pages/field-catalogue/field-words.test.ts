import type { CataloguedField } from '@valtronics/contract';
import { expect, it } from 'vitest';
import { matches, seenText, storedText, viewersText } from './field-words.ts';

const field: CataloguedField = {
  id: 'devices.serial',
  table: 'devices',
  column: 'serial',
  path: null,
  class: 'identifier',
  clear: ['device:write'],
  masked: ['device:read'],
  mask: 'text',
  revealBy: ['alert:acknowledge'],
  retention: 'until the device is deleted',
  legalBasis: 'running devices',
  search: 'exact',
  stored: { as: 'sealed', with: 'organisation', why: null },
};

it('says who sees a field and how it is stored', () => {
  expect(viewersText(['device:read', 'device:write'])).toBe('device:read or device:write');
  expect(viewersText('members')).toBe('everybody of the organisation');
  expect(seenText({ ...field, clear: [], masked: [] })).toBe('nobody');
  expect(storedText(field)).toBe('sealed for the organisation');
  expect(storedText({ ...field, stored: { as: 'hashed', with: null, why: null } })).toBe('hashed');
});

it('a field is found by words of its name, class, viewers and reasons, all of them', () => {
  for (const text of ['SERIAL', 'identifier devices', 'device:write', 'deleted sealed', ''])
    expect([text, matches(field, text)]).toEqual([text, true]);
  for (const text of ['email', 'serial email']) expect([text, matches(field, text)]).toEqual([text, false]);
});
