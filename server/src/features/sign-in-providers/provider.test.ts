import { describe, expect, it } from 'vitest';
import { sameSitePath } from './departure.service.ts';
import { profileOf } from './proven-identity.ts';
import { roleOfGroups } from './provider.ts';

describe('the role of groups', () => {
  const mapping = {
    groupsClaim: 'groups',
    roleMapping: [
      { group: 'a', role: 'admin' },
      { group: 'b', role: 'analyst' },
    ],
    defaultRole: 'user',
  } as const;

  it('is that of the first line that fits, whatever order the provider lists them in', () => {
    expect(roleOfGroups(mapping, ['b', 'a'])).toBe('admin');
    expect(roleOfGroups(mapping, ['b'])).toBe('analyst');
  });

  it('is the default where none fits; names are compared exactly', () => {
    for (const groups of [[], ['A'], ['a '], ['ab']]) expect(roleOfGroups(mapping, groups)).toBe('user');
  });

  it('is none without a default, and nobody’s business without a claim', () => {
    expect(roleOfGroups({ ...mapping, defaultRole: null }, [])).toBeNull();
    expect(roleOfGroups({ ...mapping, groupsClaim: null }, ['a'])).toBeUndefined();
  });
});

describe('what a provider tells of a person', () => {
  const provider = { groupsClaim: 'groups' } as Parameters<typeof profileOf>[1];

  it('is taken for groups where it is texts, and left where it is anything else', () => {
    expect(profileOf({ groups: ['a', 1, null, { a: 1 }, 'b', 'x'.repeat(201)] }, provider).groups).toEqual(['a', 'b']);
    expect(profileOf({ groups: 'a' }, provider).groups).toEqual(['a']);
    expect(profileOf({ groups: { a: true } }, provider).groups).toEqual([]);
    expect(profileOf({ groups: Array.from({ length: 5_000 }, String) }, provider).groups.length).toBe(1_000);
    expect(profileOf({ groups: ['a'] }, { ...provider, groupsClaim: null }).groups).toEqual([]);
  });

  it('is no name where it could not be shown or stored', () => {
    for (const name of ['', '   ', 'a\u0000b', 'a\nb', '\uD800', 7, 'x'.repeat(121)])
      expect(profileOf({ name }, provider).name).toBeNull();
    expect(profileOf({ name: ' Ada ' }, provider).name).toBe('Ada');
  });
});

describe('where to go afterwards', () => {
  it('[ASVS 1.2.2] is a page of this site', () => {
    expect(sameSitePath('/alerts?alert=1#top')).toBe('/alerts?alert=1#top');
    expect(sameSitePath('/a/../b')).toBe('/b');
  });

  it.each([
    undefined,
    '',
    'alerts',
    '//evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/\t/evil.example',
    '/a/..//evil.example',
    '/./\\evil.example',
    '/.//evil.example',
    'https://evil.example',
    'javascript:alert(1)',
    '/x\r\nset-cookie: a=b',
    '/a/../api/v1/auth/oidc/x/start',
  ])('[ASVS 1.2.2] is nowhere for %j', (next) => {
    expect(sameSitePath(next)).toBeNull();
  });
});
