import type { FastifyRequest } from 'fastify';
import { expect, test } from 'vitest';
import type { Authentication } from '../access/authentication.ts';
import type { DevicePrincipal } from '../access/principal.ts';
import { createHttpAuthentication } from './http-authentication.ts';
import type { Caller } from './http-callers.ts';

const device: DevicePrincipal = {
  kind: 'device',
  deviceId: 'd',
  organisationId: 1,
  credentialId: 'c',
  deviceType: 'temperature',
  expiresAt: null,
};
const toDevices = { kind: 'device' } as const;

function underTest() {
  const asked: string[] = [];
  const state = { isFresh: true, isGood: true };
  const authentication: Authentication = {
    session: async () => null,
    bearer: async () => null,
    apiKey: async () => null,
    bouncer: async () => null,
    async certificate(fingerprint) {
      asked.push(fingerprint.toString('hex'));
      return state.isGood ? device : null;
    },
    bound: async () => 'invalid_token',
    proofOf: async () => '',
    sightOf: async () => ({ sees: () => true }),
    isFresh: () => state.isFresh,
    isStillValid: async () => true,
  };
  const authenticate = createHttpAuthentication(authentication, undefined, 'https://localhost');
  const caller: Caller = {
    address: '',
    addressKey: '',
    certificate: { of: 'device', fingerprint: Buffer.from([1]) },
    proven: undefined,
  };
  const request = (authorization?: string) => ({ headers: { authorization } }) as FastifyRequest;
  return { asked, state, caller, ask: (token?: string) => authenticate(request(token), toDevices, caller) };
}

test('the second request of a certificate’s connection is known at once: nobody is asked, nothing is awaited', async () => {
  const { asked, ask } = underTest();
  expect(await ask()).toEqual({ principal: device, refused: false });
  expect(ask()).toEqual({ principal: device, refused: false });
  expect(asked).toEqual(['01']);
});

test('news of a revocation let it be asked again, and what is no longer good is refused', async () => {
  const { asked, state, ask } = underTest();
  await ask();
  state.isFresh = false;
  state.isGood = false;
  expect(await ask()).toMatchObject({ principal: { kind: 'anonymous' }, refused: true });
  expect(asked).toEqual(['01', '01']);
});

test('a token beside the certificate is refused, first and later, and not looked at', async () => {
  const { ask } = underTest();
  expect(await ask('Bearer vtd_x')).toMatchObject({ refused: true });
  await ask();
  expect(await ask('Bearer vtd_x')).toMatchObject({ refused: true });
});
