import { factorMethods } from '@valtronics/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openApi } from '../../../server/src/features/operations/openapi.ts';
import { anApp, freshAddress, type TestApp } from '../../support/app.ts';

// What ASVS asks of signing in that is seen best from outside.

let app: TestApp;
beforeAll(async () => {
  app = await anApp({ webFolder: import.meta.dirname });
});
afterAll(() => app?.stop());

describe('a new installation', () => {
  it('[ASVS 6.3.2] has no account at all, so none that everybody knows', async () => {
    expect((await app.database.admin.query('select count(*)::int as n from users')).rows).toEqual([{ n: 0 }]);
    for (const email of ['admin@localhost.local', 'root@example.org', 'admin@example.org']) {
      for (const password of ['admin', 'password', 'valtronics']) {
        const body = { email, password };
        expect((await app.call('POST', '/api/v1/auth/login', { body, from: freshAddress() })).status).toBe(401);
      }
    }
  });
});

describe('proofs of who one is', () => {
  it('[ASVS 6.3.6] are none that come by mail, and [ASVS 6.6.1] none that come by telephone', () => {
    expect(factorMethods).toEqual(['totp', 'passkey', 'recovery_code']);
  });

  it('[ASVS 6.4.2] are no hints and no answers to questions: no field of the API could hold one', () => {
    expect(JSON.stringify(openApi())).not.toMatch(
      /"[^"]*(hint|secretQuestion|securityQuestion|securityAnswer)[^"]*":/i,
    );
  });
});

it('[ASVS 6.3.8] asking for a link to a new password says the same of every address', async () => {
  const person = await app.aPerson('user');
  const answerFor = async (email: string) => {
    const body = { email };
    const { status, text, headers } = await app.call('POST', '/api/v1/auth/password/forgot', {
      body,
      from: freshAddress(),
    });
    return { status, text, headers: { ...headers, date: '', 'x-request-id': '' } };
  };
  const known = await answerFor(person.email);
  expect(known.status).toBe(202);
  expect(await answerFor('nobody@example.org')).toEqual(known);
});

describe('a session', () => {
  it('[ASVS 7.4.5] of anybody is ended by an administrator, however it was opened, and of nobody else', async () => {
    const [admin, person, other] = [await app.aPerson('admin'), await app.aPerson('user'), await app.aPerson('user')];
    const browser = await app.call('POST', '/api/v1/auth/session', {
      body: { email: person.email, password: person.password },
      headers: { origin: app.origin },
      from: freshAddress(),
    });
    const [cookie = ''] = String(browser.headers['set-cookie']).split(';');
    const isIn = async (options: { token?: string; cookie?: string }) =>
      (await app.call('GET', '/api/v1/auth/me', { from: freshAddress(), ...options })).status === 200;
    const end = (by: string) => app.call('DELETE', `/api/v1/users/${person.userId}/sessions`, { token: by });

    expect((await end(other.accessToken)).status).toBe(403);
    expect([await isIn({ cookie }), await isIn({ token: person.accessToken })]).toEqual([true, true]);
    expect((await end(admin.accessToken)).json).toEqual({ ended: 2 });
    expect([await isIn({ cookie }), await isIn({ token: person.accessToken })]).toEqual([false, false]);
    expect([await isIn({ token: other.accessToken }), await isIn({ token: admin.accessToken })]).toEqual([true, true]);
  });

  it('[ASVS 7.2.2, 7.2.3] has tokens of its own, made for it, of 256 bits', async () => {
    const person = await app.aPerson('user');
    const headers = { origin: app.origin };
    const body = { email: person.email, password: person.password };
    const tokens = new Set<string>();
    for (let round = 0; round < 5; round += 1) {
      const browser = await app.call('POST', '/api/v1/auth/session', { body, headers, from: freshAddress() });
      const client = await app.call('POST', '/api/v1/auth/login', { body, from: freshAddress() });
      tokens.add(/^__Host-valtronics=vts_([\w-]{43});/.exec(String(browser.headers['set-cookie']))?.[1] ?? 'none');
      tokens.add(/^vtr_([\w-]{43})$/.exec(client.json.refreshToken)?.[1] ?? 'none');
    }
    expect([tokens.size, tokens.has('none')]).toEqual([10, false]);
    for (const token of tokens) expect(Buffer.from(token, 'base64url').length).toBe(32);
  });
});
