import { type IdentityProvider, identityProviderChange } from '@valtronics/contract';
import { expect, it } from 'vitest';
import { changesOf, missing, policyOf, providerValues } from './provider-form.ts';

const provider: IdentityProvider = {
  id: '01890000-0000-7000-8000-000000000000',
  slug: 'company',
  issuer: 'https://login.example.org',
  name: 'Company',
  clientId: 'valtronics',
  groupsScope: 'groups',
  groupsClaim: 'groups',
  roleMapping: [
    { group: 'night', role: 'operator' },
    { group: 'day', role: 'analyst' },
  ],
  defaultRole: null,
  managesRole: true,
  jitEnabled: true,
  emailDomains: ['example.org'],
  trustsSecondFactor: true,
  acceptedAcr: ['urn:two'],
  acceptedAmr: ['otp'],
  maxAuthAgeSeconds: 3600,
  enabled: true,
  listed: false,
  callbackUrl: 'https://localhost/callback',
  backchannelLogoutUrl: 'https://localhost/logout',
  createdAt: '2026-01-01T00:00:00.000Z',
};
it('what a provider is goes into the form and comes out of it the same, and then nothing is sent', () => {
  expect(identityProviderChange.body.safeParse(policyOf(providerValues(provider))).success).toBe(true);
  expect(changesOf(provider, providerValues(provider))).toEqual({});
});

it.each<[Partial<ReturnType<typeof providerValues>>, object]>([
  [{ name: 'Company two' }, { name: 'Company two' }],
  [{ clientSecret: 'new' }, { clientSecret: 'new' }],
  [{ endsByAge: false }, { maxAuthAgeSeconds: null }],
  [{ groupsScope: ' ' }, { groupsScope: null }],
  [
    { roleMapping: [{ key: 7, group: ' day ', role: 'analyst' }] },
    { roleMapping: [{ group: 'day', role: 'analyst' }] },
  ],
])('of %o only that is sent', (change, sent) => {
  expect(changesOf(provider, { ...providerValues(provider), ...change })).toEqual(sent);
});

it('a new one allows nothing that nobody said', () => {
  expect(policyOf(providerValues())).toMatchObject({
    jitEnabled: false,
    trustsSecondFactor: false,
    managesRole: false,
    defaultRole: null,
    maxAuthAgeSeconds: null,
  });
  expect(Object.keys(missing(providerValues(), true))).toEqual(['name', 'slug', 'issuer', 'clientId', 'clientSecret']);
  expect(missing(providerValues(provider), false)).toEqual({});
});
