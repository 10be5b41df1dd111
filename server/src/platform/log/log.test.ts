import { mkdtempSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { manualClock } from '../../lib/clock.ts';
import { secret } from '../config/secret.ts';
import { readableLine } from './line.ts';
import { createLogger, type Logger } from './log.ts';
import { namesSecret } from './redaction.ts';

const CANARY = 'canary-6b1f';

function capture(level: 'trace' | 'info' = 'trace'): {
  log: Logger;
  lines: string[];
  last: () => Record<string, unknown>;
} {
  const lines: string[] = [];
  const log = createLogger({
    level,
    clock: manualClock(Date.UTC(2026, 0, 2, 3, 4, 5, 6)),
    write: (line) => lines.push(line),
  });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? '{}') };
}

test('[ASVS 16.2.2, 16.2.4] a line is one JSON object with UTC milliseconds, level, fields and message', () => {
  const { log, lines } = capture();
  log.warn({ deviceId: 'd1', points: 3 }, 'stored %d of %s', 3, 'many');
  expect(lines).toEqual([
    '{"level":"warn","time":"2026-01-02T03:04:05.006Z","deviceId":"d1","points":3,"msg":"stored 3 of many"}\n',
  ]);
});

test('levels below the configured one are not written', () => {
  const { log, lines } = capture('info');
  log.debug('not this');
  log.info('this');
  expect(lines).toHaveLength(1);
});

test('fields cannot take the place of time, level and message', () => {
  const { log, last } = capture();
  log.child({ level: 'fatal', time: 'never' }).info({ msg: 'forged', level: 'trace' }, 'real');
  expect(last()).toMatchObject({ level: 'info', time: '2026-01-02T03:04:05.006Z', msg: 'real', msg_: 'forged' });
});

describe('a canary secret never reaches the line', () => {
  class ClientError extends Error {
    readonly password = CANARY;
    readonly request = { headers: { authorization: `Bearer ${CANARY}` }, tries: [{ apiKey: CANARY }] };
  }
  const withCause = new Error('outer', { cause: Object.assign(new Error('inner'), { clientSecret: CANARY }) });

  test.each<[string, (log: Logger) => void]>([
    ['deep in objects and arrays', (log) => log.info({ a: [{ b: { c: [{ refreshToken: CANARY }] } }] })],
    ['in a map', (log) => log.info({ a: new Map([['password', CANARY]]) })],
    [
      'in a secret wrapper under a harmless name',
      (log) => log.info({ harmless: secret(CANARY), list: [secret(CANARY)] }),
    ],
    [
      'in a secret wrapper in the message',
      (log) => log.info('value %s %j %o', secret(CANARY), secret(CANARY), { a: secret(CANARY) }),
    ],
    ['in an interpolated object', (log) => log.info('request %j', { cookie: CANARY })],
    ['in an error`s own fields', (log) => log.error(new ClientError('failed'))],
    ['in an error under a name', (log) => log.error({ problem: new ClientError('failed') }, 'failed')],
    ['in a cause', (log) => log.error(withCause)],
    ['in an aggregate', (log) => log.error(new AggregateError([withCause], 'all failed'))],
    ['in child bindings', (log) => log.child({ session: { accessToken: CANARY } }).info('hello')],
    [
      'in late bindings of a grandchild',
      (log) => {
        const grandchild = log.child({}, { level: 'info' }).child({ a: 1 });
        grandchild.setBindings({ password: CANARY });
        grandchild.info('hello');
      },
    ],
    ['in bytes', (log) => log.info({ body: Buffer.from(CANARY) })],
    [
      'in an object with behaviour',
      (log) =>
        log.info({
          client: new (class Client {
            readonly connection = CANARY;
          })(),
        }),
    ],
    ['as a code typed by a person', (log) => log.info({ code: CANARY, mfaCode: CANARY, recovery_codes: [CANARY] })],
    [
      'as a database row in an error',
      (log) => log.error(Object.assign(new Error('duplicate key'), { severity: 'ERROR', detail: CANARY })),
    ],
    ['as an opaque token in free text', (log) => log.info(`got vts_${CANARY}${'A'.repeat(43)}`)],
    ...['hvs.', 'hvb.', 's.', 'b.'].map((kind): [string, (log: Logger) => void] => [
      `as a token of Vault in free text (${kind})`,
      (log) => log.error(new Error(`permission denied for ${kind}${CANARY}${'A'.repeat(24)}`)),
    ]),
    [
      'as a URL password in free text',
      (log) => log.error(new Error(`cannot reach postgres://app:${CANARY}@db.example.org/v`)),
    ],
    ['as a bearer token in free text', (log) => log.info(`header was Authorization: Bearer ${CANARY}`)],
  ])('%s', (_, act) => {
    const { log, lines } = capture();
    act(log);
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain(CANARY);
  });

  test('[ASVS 16.2.5] anywhere under a key that names a secret, whatever surrounds it', () => {
    const keys = fc.constantFrom(
      'password',
      'newPassword',
      'token',
      'access_token',
      'Authorization',
      'set-cookie',
      'x-api-key',
      'privateKey',
      'credential',
      'totpCode',
      'SECRET',
    );
    const { log, lines } = capture();
    fc.assert(
      fc.property(
        keys,
        fc.array(fc.oneof(fc.constant('list'), fc.string({ maxLength: 5 })), { maxLength: 6 }),
        fc.jsonValue({ maxDepth: 2 }),
        (key, path, noise) => {
          let value: unknown = { noise, [key]: CANARY };
          for (const step of path) value = step === 'list' ? [noise, value] : { [step]: value, noise };
          lines.length = 0;
          log.info({ value });
          expect(lines.join()).not.toContain(CANARY);
          expect(() => JSON.parse(lines.join())).not.toThrow();
        },
      ),
    );
  });
});

test('what explains a failure is kept', () => {
  const { log, last } = capture();
  const cause = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED', port: 5432 });
  log.error(new Error('no database', { cause }));
  expect(last()).toMatchObject({
    msg: 'no database',
    err: {
      name: 'Error',
      message: 'no database',
      stack: expect.stringContaining('log.test'),
      cause: { code: 'ECONNREFUSED', port: 5432 },
    },
  });
});

test.each([
  'statusCode',
  'tokenId',
  'credentialId',
  'accessTokenMinutes',
  'key',
  'passwordChangedAt',
  'monkey',
  'publicKey',
  'encoder',
  'metric',
])('%s is not taken for a secret', (key) => {
  expect(namesSecret(key)).toBe(false);
});

test('[ASVS 16.4.1] no value can break a line, forge a second one or drive a terminal', () => {
  const { log, lines } = capture();
  log.info(
    { 'a\nb"c': 'x\r\ny\u2028z', esc: '\u001b[2J\u009b2J\u202e' },
    'one\n{"level":"fatal","msg":"forged"}\u0085',
  );
  expect(lines).toHaveLength(1);
  const line = lines[0] ?? '';
  expect(line.slice(0, -1)).not.toMatch(/[\p{Cc}\u2028\u2029\u202e]/u);
  expect(JSON.parse(line)).toMatchObject({ level: 'info', esc: '\u001b[2J\u009b2J\u202e' });
  expect(readableLine(line).slice(0, -1)).not.toMatch(/[\p{Cc}\u2028\u2029\u202e]/u);
});

test('any fields give exactly one bounded, parseable line', () => {
  const { log, lines } = capture();
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.string({ unit: 'binary' }),
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withNullPrototype: true }),
      ),
      fc.string({ unit: 'binary' }),
      (fields, message) => {
        lines.length = 0;
        log.info(fields, message);
        expect(lines).toHaveLength(1);
        expect(lines[0]).toMatch(/^[^\n]*\n$/);
        expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'info' });
      },
    ),
  );
});

test('hostile objects cost a bounded line: long strings, wide, deep, circular, throwing', () => {
  const { log, lines } = capture();
  const circular: Record<string, unknown> = {
    wide: Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`k${i}`, i])),
  };
  circular.self = circular;
  let deep: unknown = 'bottom';
  for (let i = 0; i < 10_000; i++) deep = [deep];
  const throwing = {
    get trap(): never {
      throw new Error('no');
    },
  };
  log.info({ circular, deep, throwing, text: 'x'.repeat(10_000_000), many: Array(1_000_000).fill('y'.repeat(5000)) });
  expect(lines[0]?.length).toBeLessThan(1_000_000);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ circular: { self: '[circular]' }, throwing: '[unreadable]' });
});

test('a log file is appended to and readable by its owner only', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'valtronics-log-')), 'logs', 'server.log');
  const clock = manualClock(0);
  createLogger({ level: 'info', clock, file }).info('first');
  createLogger({ level: 'info', clock, file }).info('second');
  expect(
    readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).msg),
  ).toEqual(['first', 'second']);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});
