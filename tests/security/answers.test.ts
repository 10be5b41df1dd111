import { type Endpoint, endpoints } from '@valtronics/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { anApp, freshAddress, type Person, type TestApp } from '../support/app.ts';

// What an answer holds and how it is written: nothing that was not declared, text as text, decoded once, and kept by nobody on the way.

let app: TestApp;
let admin: Person;
beforeAll(async () => {
  app = await anApp();
  admin = await app.aPerson('admin');
});
afterAll(() => app?.stop());

const get = (path: string) => app.call('GET', `/api/v1${path}`, { token: admin.accessToken });

describe('[ASVS 15.3.1] an answer', () => {
  /** Where an object could carry what its schema does not name. */
  function looseIn(schema: unknown, at: string): string[] {
    if (!(schema instanceof z.ZodType)) return [];
    const { def } = schema as z.ZodType & { def: Record<string, unknown> & { type: string } };
    const inside = (value: unknown, where: string): string[] =>
      Array.isArray(value)
        ? value.flatMap((each, index) => looseIn(each, `${where}${index}`))
        : value instanceof z.ZodType
          ? looseIn(value, where)
          : [];
    const parts = ['element', 'innerType', 'options', 'items', 'left', 'right', 'in', 'out', 'valueType', 'rest'];
    const deeper = parts.flatMap((part) => inside(def[part], `${at}.${part}`));
    if (def.type !== 'object') return deeper;
    const shape = Object.entries(def.shape as Record<string, unknown>);
    const fields = shape.flatMap(([name, field]) => looseIn(field, `${at}.${name}`));
    const isStrict = def.catchall instanceof z.ZodNever;
    return [...(isStrict ? [] : [at]), ...deeper, ...fields];
  }

  it('has a schema that lets no further field pass, at every depth', () => {
    const bodies = Object.entries<Endpoint>(endpoints).filter(([, { response }]) => typeof response !== 'string');
    expect(bodies.length).toBeGreaterThan(80);
    expect(bodies.flatMap(([name, { response }]) => looseIn(response, name))).toEqual([]);
    expect(looseIn(z.strictObject({ a: z.array(z.object({ b: z.string() })).nullable() }), 'x')).toEqual([
      'x.a.innerType.element',
    ]);
  });

  it('about people holds no hash and no secret', async () => {
    for (const path of ['/users', '/auth/me', '/auth/sessions', '/auth/factors', '/api-keys'])
      expect((await get(path)).text).not.toMatch(/hash|secret|sealed|\$argon2/i);
  });
});

describe('text that a person or device sent', () => {
  const NASTY = `</script><script>alert(1)</script>"\\\u2028\u2029 \${7*7} {{7*7}} <%= 7*7 %> #{7*7} %s %41 %2541 &lt;`;

  it('[ASVS 1.1.1, 1.2.3, 1.3.7] comes back as it was, in JSON that says it is JSON: decoded once, and never a template', async () => {
    // A description is where the inspection lets anything be.
    const device = await app.aDevice(admin, { description: NASTY });
    const answer = await get(`/devices/${device.id}`);
    expect(answer.json.description).toBe(NASTY);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'x-content-type-options': 'nosniff',
    });
    expect(JSON.parse(answer.text).description).toBe(NASTY);
  });

  it('[ASVS 1.1.1] in an address is decoded once', async () => {
    const percent = await app.aDevice(admin, { name: 'sensor %41 left' });
    const found = async (text: string) =>
      (await get(`/devices?text=${text}`)).json.items.map(({ id }: { id: string }) => id);
    expect(await found('%2541')).toContain(percent.id);
    await app.aDevice(admin, { name: 'sensor A left' });
    expect(await found('%2541')).toContain(percent.id);
    expect(await found('r%20%2541%20l')).toEqual([percent.id]);
    // Encoded twice, an id is no id.
    expect((await get(`/devices/${percent.id.replaceAll('-', '%252D')}`)).status).toBe(400);
    expect((await get(`/devices/${percent.id.replaceAll('-', '%2D')}`)).status).toBe(200);
  });
});

describe('[ASVS 14.2.5] what could be kept on the way', () => {
  it.each(['/auth/me', '/devices', '/users'])('%s is to be kept nowhere', async (path) => {
    expect((await get(path)).headers['cache-control']).toBe('no-store');
  });

  it.each([
    '/auth/me/avatar.css',
    '/auth/me%2Fa.css',
    '/auth/me;a.css',
    '/auth/me.css',
    '/auth/me%00.css',
    '/users/x.js',
  ])('no private answer stands under a name that looks public: %s', async (path) => {
    const answer = await get(path);
    expect([400, 404]).toContain(answer.status);
    expect(answer.text).not.toContain(admin.email);
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it('a refusal is kept no longer than an answer', async () => {
    const answer = await app.call('GET', '/api/v1/auth/me', { from: freshAddress() });
    expect([answer.status, answer.headers['cache-control']]).toEqual([401, 'no-store']);
  });
});
