import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../server/src/lib/clock.ts';
import { type Answer, anApp, type CallOptions, type Person, type TestApp } from '../support/app.ts';
import { expectProblem } from '../support/expect-problem.ts';

// What strangers, broken devices and scanners send. Whatever it is, the answer is a problem that says what is wrong, carries the security
// headers, names no software, and is never a 500.

const clock = manualClock(Date.now());
let app: TestApp;
let admin: Person;
let device: { id: string; token: string };

beforeAll(async () => {
  app = await anApp({ clock, webFolder: import.meta.dirname });
  admin = await app.aPerson('admin');
  device = await app.aDevice(admin);
});
beforeEach(() => clock.advance(2_000));
afterAll(() => app?.stop());

const asAdmin = (method: string, path: string, options: CallOptions = {}): Promise<Answer> =>
  app.call(method, `/api/v1${path}`, { token: admin.accessToken, ...options });
const newDevice = (body: unknown) => asAdmin('POST', '/devices', { body });
const newDeviceRaw = (rawBody: string | Buffer, headers: Record<string, string> = {}) =>
  asAdmin('POST', '/devices', { rawBody, headers });
const send = (rawBody: string, token = device.token) => app.call('POST', '/api/v1/telemetry', { token, rawBody });

describe('a body', () => {
  it.each([
    'NaN',
    '{"name":NaN}',
    '{"name":Infinity}',
    "{'name':'x'}",
    '{"name":"x",}',
    '{"name":"x"} x',
    '{',
    '[',
    '"',
    '\u0000',
    'name=x&type=y',
    '{"a":01}',
    '{"a":+1}',
    '{"a":.5}',
    '// x',
    '\ufeff{}',
  ])('that is not JSON is refused whole: %j', async (text) =>
    expectProblem(await newDeviceRaw(text), 400, 'malformed_json'),
  );

  it('that is empty, or not UTF-8, or compressed, is not JSON', async () => {
    expectProblem(await newDeviceRaw(''), 400, 'malformed_json');
    expectProblem(await newDeviceRaw(Buffer.from('7b226e616d65223a22ff227d', 'hex')), 400, 'malformed_json');
    expectProblem(await newDeviceRaw(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])), 400, 'malformed_json');
    expectProblem(
      await newDeviceRaw(Buffer.from('1f8b08000000000000', 'hex'), { 'content-encoding': 'gzip' }),
      400,
      'malformed_json',
    );
  });

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/xml',
    'application/jsonx',
    'text/json',
    'application/json-patch+json',
    '*/*',
    'x',
  ])('[ASVS 3.5.2] of the type %s is refused with 415, so no form of another site can send one', async (type) =>
    expectProblem(await newDeviceRaw('{}', { 'content-type': type }), 415, 'unsupported_media_type'),
  );

  it('of JSON with a charset is JSON', async () => {
    const answer = await newDeviceRaw('{"name":"Größe","type":"temperature"}', {
      'content-type': 'application/json; charset=utf-8',
    });
    expect([answer.status, answer.json?.device?.name]).toEqual([201, 'Größe']);
  });

  it('larger than 64 KiB is refused with 413, and larger than 1 MiB where telemetry is taken', async () => {
    expectProblem(await newDevice({ name: 'x'.repeat(65_536), type: 'temperature' }), 413, 'too_large');
    const batch = (bytes: number) => JSON.stringify({ points: [{ metric: 'a', value: 'x' }] }).padEnd(bytes, ' ');
    expectProblem(await send(batch(1_048_577)), 413, 'too_large');
    expect((await send(batch(1_048_576))).status).toBe(200);
  });

  it.each([
    ['a field nobody knows', { name: 'a', type: 't', admin: true }, ['admin']],
    ['several', { name: 'a', type: 't', x: 1, y: { z: 1 } }, ['x', 'y']],
    ['a missing field', { name: 'a' }, ['type']],
    ['a name that is too long', { name: 'n'.repeat(121), type: 't' }, ['name']],
    ['a name of spaces', { name: '   ', type: 't' }, ['name']],
    ['a wrong type', { name: 7, type: 't' }, ['name']],
    ['a number out of range', { name: 'a', type: 't', silenceTimeoutSeconds: 4 }, ['silenceTimeoutSeconds']],
    ['a number far out of range', { name: 'a', type: 't', silenceTimeoutSeconds: 1e300 }, ['silenceTimeoutSeconds']],
    ['a fraction', { name: 'a', type: 't', silenceTimeoutSeconds: 60.5 }, ['silenceTimeoutSeconds']],
    ['an id that is none', { name: 'a', type: 't', ownerId: 'one or the other' }, ['ownerId']],
    ['a long text in depth', { name: 'a', type: 't', metadata: { note: 'x'.repeat(501) } }, ['metadata.note']],
    ['a list for an object', [], ['']],
    ['a text for an object', 'x', ['']],
  ])('[ASVS 2.2.1, 2.2.2, 15.3.3, 15.3.5] with %s is refused by its path', async (_, body, paths) => {
    const answer = await newDevice(body);
    expectProblem(answer, 400, 'invalid_request');
    expect(answer.json.errors.map(({ path }: { path: string }) => path)).toEqual(expect.arrayContaining(paths));
  });

  it('[ASVS 1.4.2] with a number JSON can write and nothing can hold is refused by its path', async () => {
    const answer = await newDeviceRaw('{"name":"a","type":"t","silenceTimeoutSeconds":1e999}');
    expectProblem(answer, 400, 'invalid_request');
    expect(answer.json.errors[0].path).toBe('silenceTimeoutSeconds');
  });

  it.each([
    ['{"name":"a","type":"t","__proto__":{"isAdmin":true}}', '__proto__'],
    ['{"name":"a","type":"t","metadata":{"constructor":{"prototype":{"isAdmin":true}}}}', 'metadata.constructor'],
    [String.raw`{"name":"a","type":"t","metadata":{"\u005f\u005fproto\u005f\u005f":1}}`, 'metadata.__proto__'],
    [String.raw`{"name":"a\u0000b","type":"t"}`, 'name'],
    [String.raw`{"name":"a","type":"t","description":"\ud800"}`, 'description'],
    [String.raw`{"name":"a","type":"t","metadata":{"note":"\udc00x"}}`, 'metadata.note'],
  ])(
    '[ASVS 1.5.2, 15.3.6] that reaches for a prototype or cannot be stored as it is, is refused by its path: %s',
    async (text, path) => {
      const answer = await newDeviceRaw(text);
      expectProblem(answer, 400, 'invalid_request');
      expect(answer.json.errors[0].path).toBe(path);
      expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
    },
  );

  it.each([50, 1_000, 5_000, 10_000, 30_000])(
    'nested %i deep is taken or refused, never a fault of ours',
    async (depth) => {
      const rawBody = `{"name":"reboot","payload":${'['.repeat(depth)}${']'.repeat(depth)}}`;
      const answer = await asAdmin('POST', `/devices/${device.id}/commands`, { rawBody });
      expect([depth, answer.status]).toEqual([depth, depth === 50 ? 202 : answer.status === 202 ? 202 : 400]);
      if (answer.status === 202) expect((await asAdmin('GET', `/devices/${device.id}/commands`)).status).toBe(200);
    },
  );

  it('with thousands of faults lists twenty', async () => {
    const answer = await newDevice(Object.fromEntries(Array.from({ length: 3_000 }, (_, index) => [`x${index}`, 1])));
    expectProblem(answer, 400, 'invalid_request');
    expect(answer.json.errors.length).toBeLessThanOrEqual(40);
    expect(answer.text.length).toBeLessThan(8_192);
  });

  it('is not needed where nothing is asked for, and is not looked at', async () => {
    expect((await asAdmin('GET', '/auth/me', { rawBody: '{"__proto__":1}' })).status).toBe(200);
  });
});

describe('a batch of points', () => {
  it('with bad ones among them stores the good ones and lists the bad by index', async () => {
    const stamp = clock.now();
    const points: [string, string | undefined][] = [
      [`{"metric":"good.1","value":1.5,"timestamp":${stamp}}`, undefined],
      ['{"metric":"good.2","value":1e999}', 'invalid_point'],
      ['{"metric":"no spaces","value":1}', 'invalid_point'],
      [`{"metric":"good.2","value":"${'x'.repeat(1_025)}"}`, 'invalid_point'],
      [String.raw`{"metric":"good.2","value":"\u0000"}`, 'invalid_point'],
      [String.raw`{"metric":"good.2","value":"\ud800"}`, 'invalid_point'],
      ['{"metric":"good.2","value":null}', 'invalid_point'],
      ['{"metric":"good.2","value":{"a":1}}', 'invalid_point'],
      ['{"metric":"good.2","value":1,"extra":1}', 'invalid_point'],
      ['null', 'invalid_point'],
      ['[]', 'invalid_point'],
      ['"x"', 'invalid_point'],
      [`{"metric":"good.2","value":1,"timestamp":${stamp + 25 * 3_600_000}}`, 'too_far_ahead'],
      ['{"metric":"good.2","value":1,"timestamp":"2001-01-01T00:00:00Z"}', 'past_retention'],
      ['{"metric":"good.2","value":1,"timestamp":-1}', 'invalid_point'],
      ['{"metric":"good.2","value":1,"timestamp":"yesterday"}', 'invalid_point'],
      [`{"metric":"good.1","value":2.5,"timestamp":${stamp}}`, 'conflict'],
      [`{"deviceId":"${crypto.randomUUID()}","metric":"good.2","value":1}`, 'unknown_device'],
      [`{"metric":"good.3","value":true,"timestamp":${stamp}}`, undefined],
      [`{"metric":"${'m'.repeat(65)}","value":1}`, 'invalid_point'],
    ];
    const answer = await send(`{"points":[${points.map(([text]) => text).join(',')}]}`);
    expect([answer.status, answer.text]).toEqual([200, answer.text]);
    const expected = points.flatMap(([, code], index) => (code === undefined ? [] : [{ index, code }]));
    expect(answer.json.rejected.map(({ index, code }: { index: number; code: string }) => ({ index, code }))).toEqual(
      expected,
    );
    expect(answer.json).toMatchObject({ accepted: 2, duplicates: 0 });
    const stored = await app.database.admin.query(
      `select s.metric, p.num from points p join series s on s.id = p.series_id where s.device_id = $1 and s.metric like 'good%' order by 1`,
      [device.id],
    );
    expect(stored.rows).toEqual([
      { metric: 'good.1', num: 1.5 },
      { metric: 'good.3', num: 1 },
    ]);
  });

  it.each(['"__proto__":{"a":1}', '"constructor":1'])('with %s in one of them loses that one only', async (member) => {
    const answer = await send(`{"points":[{"metric":"good.4","value":1},{"metric":"good.5","value":1,${member}}]}`);
    expect(answer.json).toMatchObject({ accepted: 1, rejected: [{ index: 1, code: 'request_blocked' }] });
    const { rows } = await app.database.admin.query(
      `select metric from series where device_id = $1 and metric in ('good.4', 'good.5')`,
      [device.id],
    );
    expect(rows).toEqual([{ metric: 'good.4' }]);
    expect(({} as { a?: unknown }).a).toBeUndefined();
  });

  it.each([
    ['no points', '{}', 'points'],
    ['an empty list', '{"points":[]}', 'points'],
    ['more than 5,000', JSON.stringify({ points: Array(5_001).fill(1) }), 'points'],
    ['something beside them', '{"points":[{"metric":"a","value":1}],"x":1}', 'x'],
    ['a prototype beside them', '{"points":[{"metric":"a","value":1}],"__proto__":{}}', '__proto__'],
  ])('with %s is refused whole, by its path', async (_, text, path) => {
    const answer = await send(text);
    expectProblem(answer, 400, 'invalid_request');
    expect(answer.json.errors[0].path).toBe(path);
  });
});

describe('a query', () => {
  it.each([
    'limit=0',
    'limit=1001',
    'limit=1e3',
    'limit=-1',
    'limit=NaN',
    'cursor=garbage',
    `cursor=${'A'.repeat(501)}`,
    'unknown=1',
    'limit=1&limit=2',
    'status=gone',
    'text=%00',
    'cursor=W10',
    'cursor=bnVsbA',
  ])('[ASVS 15.3.7] is checked like a body: %s', async (query) => {
    const answer = await asAdmin('GET', `/devices?${query}`);
    expectProblem(answer, 400, 'invalid_request');
  });

  it('with a way to a prototype, or with what is SQL beyond doubt, is refused', async () => {
    for (const query of ['__proto__=1', `text=${encodeURIComponent("' or 1=1 --")}`])
      expectProblem(await asAdmin('GET', `/devices?${query}`), 403, 'request_blocked');
  });

  it('[ASVS 1.2.4] with what would be SQL or a pattern is only text', async () => {
    for (const text of ["'", "O'Neil or 1", '%', '_', '\\', 'drop table devices']) {
      const answer = await asAdmin('GET', `/devices?text=${encodeURIComponent(text)}`);
      expect([text, answer.status, answer.json.items]).toEqual([text, 200, []]);
    }
  });
});
