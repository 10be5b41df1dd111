import { argon2Sync, randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import { type Answer, anApp, freshAddress, type Person, type TestApp } from '../support/app.ts';
import { aRangeService, type RangeService } from '../support/range-service.ts';

// What may be chosen as a password and what becomes of it, as the world sees it.

const LEAKED = 'brisk otters juggling marmalade';
const clock = manualClock(Date.now());
const bytes = randomBytes(256);
/** Printable and unlike anything anybody uses. */
const longPassword = (length: number) =>
  Array.from(
    { length },
    (_, n) => 'abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789 #'[(bytes[n] ?? 0) % 57],
  ).join('');

const composed = Array.from({ length: 0x180 - 0xc0 }, (_, n) => String.fromCodePoint(0xc0 + n)).filter(
  (letter) => [...letter.normalize('NFD')].length === 2,
);
const letters = Array.from({ length: 128 }, (_, n) => composed[(n * 37) % composed.length] ?? '');

let service: RangeService;
let app: TestApp;
let admin: Person;

beforeAll(async () => {
  service = await aRangeService({ plain: true });
  service.leak(LEAKED);
  app = await anApp({
    clock,
    webFolder: import.meta.dirname,
    env: { VALTRONICS_BREACHED_PASSWORDS_URL: service.url, VALTRONICS_WEBHOOK_ALLOW: '127.0.0.0/8' },
  });
  admin = await app.aPerson('admin');
});
beforeEach(() => clock.advance(5_000));
afterAll(async () => {
  await app?.stop();
  service?.stop();
});

const post = (path: string, body: unknown, token?: string) =>
  app.call('POST', `/api/v1${path}`, { body, from: freshAddress(), ...(token === undefined ? {} : { token }) });
const login = ({ email }: Person, password: string) => post('/auth/login', { email, password });
const change = (person: Person, currentPassword: string, newPassword: string) =>
  post('/auth/password', { currentPassword, newPassword }, person.accessToken);
const errorOf = ({ status, json }: Answer) => [status, json?.errors?.[0]?.path, json?.errors?.[0]?.message];

let people = 0;
async function invitation(): Promise<{ email: string; token: string }> {
  people += 1;
  const email = `guest${people}@example.org`;
  const { accessToken } = (await login(admin, admin.password)).json;
  const invited = await post('/users', { email, role: 'user' }, accessToken);
  expect(invited.status).toBe(201);
  return { email, token: new URL(invited.json.invitation.url).hash.replace('#token=', '') };
}
const accept = (token: string, password: string) =>
  app.call('POST', '/api/v1/auth/invitations/accept', {
    body: { token, password },
    headers: { origin: app.origin },
    from: freshAddress(),
  });

describe('a password', () => {
  it.each<[string, string]>([
    ['64 characters', longPassword(64)],
    ['128 characters', longPassword(128)],
    ['small letters only', 'undertow lanterns quibble afar'],
    ['digits only, at random', '70358142960583149276'],
    ['spaces at both ends and in between', '   tall reeds by   the weir   '],
    ['letters of other alphabets', 'тихая река под мостом у мельницы'],
    ['128 emoji', Array.from({ length: 128 }, (_, n) => String.fromCodePoint(0x1f300 + ((n * 37) % 200))).join('')],
    ['128 letters that are each typed as two', letters.map((letter) => letter.normalize('NFD')).join('')],
    ['quotes, brackets and backslashes', String.raw`'; drop "table" \ <users> -- $(x) %00 &amp;`],
  ])('[ASVS 6.2.5, 6.2.9, 6.2.2] may be of %s, and signs in', async (_name, password) => {
    const person = await app.aPerson('user');
    const changed = await change(person, person.password, password);
    expect([changed.status, changed.json?.errors]).toEqual([204, undefined]);
    expect((await login(person, password)).status).toBe(200);
  });

  it('[ASVS 6.2.1] of 14 characters is too short and of 129 too long, and the answer says so', async () => {
    const person = await app.aPerson('user');
    expect(errorOf(await change(person, person.password, longPassword(14)))).toEqual([
      400,
      'newPassword',
      expect.stringContaining('at least 15 characters'),
    ]);
    expect(errorOf(await change(person, person.password, longPassword(129)))).toEqual([
      400,
      'newPassword',
      expect.stringContaining('at most 128'),
    ]);
    expect((await login(person, person.password)).status).toBe(200);
  });

  it('with a NUL or half a character is refused as such, not cut there', async () => {
    const person = await app.aPerson('user');
    for (const [given, newPassword] of [
      ['NUL', `${longPassword(20)}\0${longPassword(20)}`],
      ['half a character', `${longPassword(20)}\ud83c`],
    ] as const) {
      const refused = await change(person, person.password, newPassword);
      expect([given, refused.status]).toEqual([given, 400]);
      expect(refused.text).toContain('U+0000');
    }
    expect((await login(person, person.password)).status).toBe(200);
  });

  it('[ASVS 6.2.8] is verified exactly: every one of 128 characters counts, and its case, and every space', async () => {
    const person = await app.aPerson('user');
    const password = `${longPassword(126)}aZ`;
    expect((await change(person, person.password, password)).status).toBe(204);
    const swapped = password.replaceAll(/[a-zA-Z]/g, (letter) =>
      letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
    );
    for (const [what, wrong] of [
      ['the last character differs', `${password.slice(0, -1)}Y`],
      ['the last character is missing', password.slice(0, -1)],
      ['only the first 72 bytes', password.slice(0, 72)],
      ['the case of the last differs', `${password.slice(0, -1)}z`],
      ['every case differs', swapped],
      ['small letters', password.toLowerCase()],
      ['the first differs', `!${password.slice(1)}`],
    ] as const) {
      expect([what, (await login(person, wrong)).status]).toEqual([what, 401]);
    }
    expect((await login(person, password)).status).toBe(200);
    const spaced = ' kept as it is, with its spaces ';
    const { accessToken } = (await login(person, password)).json;
    expect((await change({ ...person, accessToken }, password, spaced)).status).toBe(204);
    for (const wrong of [spaced.trim(), spaced.trimStart(), spaced.trimEnd(), `${spaced} `])
      expect([wrong, (await login(person, wrong)).status]).toEqual([wrong, 401]);
    expect((await login(person, spaced)).status).toBe(200);
  });

  it('[ASVS 6.2.8] is the same however its letters were typed, and not the same without their accents', async () => {
    const person = await app.aPerson('user');
    expect((await change(person, person.password, 'caf\u00e9 \u00fcber den D\u00e4chern')).status).toBe(204);
    expect((await login(person, 'cafe\u0301 u\u0308ber den Da\u0308chern')).status).toBe(200);
    expect((await login(person, 'cafe uber den Dachern')).status).toBe(401);
  });

  it('[ASVS 6.2.3] is changed only by who knows the current one, and the new one is not looked at before', async () => {
    const person = await app.aPerson('user');
    for (const wrong of ['not my current password', person.password.toUpperCase(), `${person.password} `])
      expect(errorOf(await change(person, wrong, 'eleven barges under the bridge'))).toEqual([
        400,
        'currentPassword',
        'not your current password',
      ]);
    expect(
      (await post('/auth/password', { newPassword: 'eleven barges under the bridge' }, person.accessToken)).status,
    ).toBe(400);
    expect((await post('/auth/password', { currentPassword: person.password, newPassword: 'x' })).status).toBe(401);
    expect((await login(person, person.password)).status).toBe(200);
  });

  it('[ASVS 6.2.10] never expires: it signs in years later and nobody asks for another', async () => {
    const person = await app.aPerson('user');
    const before = clock.now();
    clock.advance(7 * 365 * 86_400_000);
    const later = await login(person, person.password);
    expect(later.status).toBe(200);
    const me = await app.call('GET', '/api/v1/auth/me', { token: later.json.accessToken });
    expect(me.status).toBe(200);
    clock.set(before);
  });
});

describe('a password that many people use', () => {
  const CHOSEN: [string, string][] = [
    ['common', '1qazxsw23edcvfr4'],
    ['common, doubled', 'passwordpassword'],
    ['common, with a year and a sign', 'Unbelievable2026!'],
    ['two common ones in a row', 'butterflyskateboard'],
    ['of the product', 'Valtronics-2026-Admin'],
    ['of the organisation', 'Test.Organisation.2026'],
    ['known from a breach', LEAKED],
  ];

  it.each(CHOSEN)('[ASVS 6.2.4, 6.2.11, 6.2.12] is refused at a change: %s', async (_what, password) => {
    const person = await app.aPerson('user');
    const refused = await change(person, person.password, password);
    expect(errorOf(refused)).toEqual([400, 'newPassword', expect.any(String)]);
    expect(refused.text).not.toContain(password);
    expect((await login(person, password)).status).toBe(401);
  });

  it('[ASVS 6.2.4, 6.2.11, 6.2.12] is refused when an account is opened, and the link stays good', async () => {
    const { token } = await invitation();
    for (const [what, password] of CHOSEN)
      expect([what, ...errorOf(await accept(token, password))]).toEqual([what, 400, 'password', expect.any(String)]);
    expect((await accept(token, 'seven barges under the bridge')).status).toBe(200);
  });

  it('[ASVS 6.2.12] is refused on the machine itself, for a new account and for another password of one', async () => {
    const { firstStart } = app.app.identity;
    const actor = { kind: 'cli', id: 'test', label: null } as const;
    const account = {
      organisationId: app.organisationId,
      email: 'host@example.org',
      name: null,
      role: 'user',
    } as const;
    await expect(firstStart.createAccount(actor, { ...account, password: LEAKED })).rejects.toThrow(/data breach/);
    const person = await app.aPerson('user');
    await expect(firstStart.resetPassword(actor, { email: person.email, password: LEAKED })).rejects.toThrow(
      /data breach/,
    );
    await expect(
      firstStart.resetPassword(actor, { email: person.email, password: 'Test.Organisation.2026' }),
    ).rejects.toThrow(/organisation/);
  });

  it('is asked about when it is chosen and never when it is used', async () => {
    const person = await app.aPerson('user');
    service.asked.length = 0;
    expect((await login(person, LEAKED)).status).toBe(401);
    expect((await login(person, person.password)).status).toBe(200);
    expect((await change(person, 'a wrong one for sure', 'five barges under the bridge')).status).toBe(400);
    expect(service.asked).toEqual([]);
    expect((await change(person, person.password, 'five barges under the bridge')).status).toBe(204);
    expect(service.asked).toHaveLength(1);
  });

  it('[ASVS 16.5.2] may be chosen by nobody even while the service is away; any other may', async () => {
    const person = await app.aPerson('user');
    service.misbehave((response) => response.writeHead(500).end());
    expect((await change(person, person.password, '1qazxsw23edcvfr4')).status).toBe(400);
    expect((await change(person, person.password, 'nine barges under the bridge')).status).toBe(204);
    service.misbehave(undefined);
  });
});

describe('a hash with old parameters', () => {
  const unpadded = (part: Buffer) => part.toString('base64').replaceAll('=', '');
  function oldHash(password: string): string {
    const salt = randomBytes(16);
    const tag = argon2Sync('argon2id', {
      message: Buffer.from(password),
      nonce: salt,
      memory: 8_192,
      passes: 2,
      parallelism: 1,
      tagLength: 32,
    });
    return `$argon2id$v=19$m=8192,t=2,p=1$${unpadded(salt)}$${unpadded(tag)}`;
  }
  const hashOf = async ({ userId }: Person) =>
    (
      await app.database.admin.query<{ hash: string }>('select password_hash as hash from users where id = $1', [
        userId,
      ])
    ).rows[0]?.hash;
  const store = (person: Person, hash: string) =>
    app.database.admin.query('update users set password_hash = $2 where id = $1', [person.userId, hash]);

  it('is replaced when its owner signs in, once, and the password stays', async () => {
    const person = await app.aPerson('user');
    await store(person, oldHash(person.password));
    expect((await login(person, person.password)).status).toBe(200);
    const upgraded = await hashOf(person);
    expect(upgraded).toMatch(/^\$argon2id\$v=19\$m=65536,t=3,p=1\$/);
    expect((await login(person, person.password)).status).toBe(200);
    expect(await hashOf(person)).toBe(upgraded);
    expect((await login(person, 'not the password of anybody')).status).toBe(401);
  });

  it('is not replaced by a wrong password', async () => {
    const person = await app.aPerson('user');
    const old = oldHash(person.password);
    await store(person, old);
    expect((await login(person, 'not the password of anybody')).status).toBe(401);
    expect(await hashOf(person)).toBe(old);
  });

  it('replaced never brings back a password that was changed meanwhile', async () => {
    const next = 'three barges under the bridge';
    for (let round = 0; round < 3; round += 1) {
      const person = await app.aPerson('user');
      await store(person, oldHash(person.password));
      // The sign-ins hash the old password with new parameters while the owner chooses another.
      const [changed, ...logins] = await Promise.all([
        change(person, person.password, next),
        ...Array.from({ length: 4 }, () => login(person, person.password)),
      ]);
      expect([204, 409]).toContain(changed.status);
      const isChanged = changed.status === 204;
      expect((await login(person, next)).status).toBe(isChanged ? 200 : 401);
      expect((await login(person, person.password)).status).toBe(isChanged ? 401 : 200);
      if (!isChanged) continue;
      for (const { status, json } of logins) {
        if (status !== 200) continue;
        const me = await app.call('GET', '/api/v1/auth/me', { token: json.accessToken, from: freshAddress() });
        expect(me.status).toBe(401);
      }
    }
  });

  it('replaced leaves alone what another wrote in its place in the very moment between', async () => {
    const person = await app.aPerson('user');
    const next = 'six barges under the bridge';
    await store(person, oldHash(person.password));
    // The row is held: the sign-in has verified the old hash and made the new one, and waits to write it.
    const holder = new pg.Client(app.database.connection('admin'));
    await holder.connect();
    try {
      await holder.query('begin');
      const changedHash = oldHash(next);
      await holder.query('update users set password_hash = $2 where id = $1', [person.userId, changedHash]);
      const underWay = login(person, person.password);
      await untilSomebodyWaits();
      await holder.query('commit');
      expect((await underWay).status).toBe(401);
      expect(await hashOf(person)).toBe(changedHash);
    } finally {
      await holder.end();
    }
    expect((await login(person, person.password)).status).toBe(401);
    expect((await login(person, next)).status).toBe(200);
  });

  async function untilSomebodyWaits(): Promise<void> {
    for (let tries = 0; tries < 600; tries += 1) {
      const waiting = await app.database.admin.query(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      if (waiting.rows.length > 0) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('nobody waits for the row');
  }
});
