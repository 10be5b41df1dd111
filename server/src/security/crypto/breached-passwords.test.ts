import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aRangeService, type RangeService, sha1Of } from '../../../../tests/support/range-service.ts';
import { manualClock } from '../../lib/clock.ts';
import { createLogger } from '../../platform/log/log.ts';
import { createOutbound } from '../../platform/outbound/outbound.ts';
import { type BreachedPasswords, createBreachedPasswords } from './breached-passwords.ts';
import { createPasswords } from './passwords.ts';

const LEAKED = 'brisk otters juggling marmalade';
const SAFE = 'violet trams humming at noon';
const owner = { email: 'maria@example.org', name: null, organisation: 'Oakridge' };

let service: RangeService;
const clock = manualClock(Date.UTC(2026, 5, 1));
let lines: string[];
let breached: BreachedPasswords;

beforeAll(async () => {
  service = await aRangeService();
  service.leak(LEAKED);
});
beforeEach(() => {
  service.misbehave(undefined);
  service.asked.length = 0;
  lines = [];
  breached = aClient();
});
afterAll(() => service.stop());

function aClient(): BreachedPasswords {
  const log = createLogger({ level: 'warn', clock, write: (line) => lines.push(line) });
  const outbound = createOutbound({
    allowList: ['127.0.0.0/8'],
    ca: service.ca,
    resolve: async () => ['127.0.0.1'],
  });
  return createBreachedPasswords({ url: service.url, outbound, clock, log });
}

describe('breached passwords', () => {
  it('[ASVS 6.2.12] knows one that leaked from one that did not', async () => {
    expect(await breached.has(LEAKED)).toBe(true);
    expect(await breached.has(SAFE)).toBe(false);
    expect(lines).toEqual([]);
  });

  it('[ASVS 6.2.12] tells the service five digits of a hash and nothing else of the password', async () => {
    await breached.has(LEAKED);
    const hash = sha1Of(LEAKED);
    expect(service.asked).toHaveLength(1);
    const [question] = service.asked;
    expect(question).toMatchObject({ method: 'GET', path: `/range/${hash.slice(0, 5)}`, body: '' });
    expect(question?.headers).toMatchObject({ 'add-padding': 'true' });
    expect(question?.headers.cookie ?? question?.headers.authorization).toBeUndefined();
    const wire = JSON.stringify(question).toUpperCase();
    expect(wire).not.toContain(hash.slice(0, 6));
    expect(wire).not.toContain(hash.slice(5, 12));
    expect(wire).not.toContain('OTTERS');
  });

  it('does not take padding for a leak', async () => {
    service.leak('padding that was made up', 0);
    expect(await breached.has('padding that was made up')).toBe(false);
  });

  it('looks for the password in the form in which it is stored', async () => {
    service.leak('caf\u00e9 on the seventh corner');
    expect(await breached.has('cafe\u0301 on the seventh corner')).toBe(true);
  });

  it('asks once for what it asked a moment ago, again later, and keeps few', async () => {
    await breached.has(LEAKED);
    await breached.has(LEAKED);
    expect(service.asked).toHaveLength(1);
    clock.advance(10 * 60_000);
    await breached.has(LEAKED);
    expect(service.asked).toHaveLength(2);
    for (let n = 0; n < 16; n += 1) await breached.has(`${SAFE} ${n}`);
    expect(await breached.has(LEAKED)).toBe(true);
    expect(service.asked).toHaveLength(2 + 16 + 1);
  });

  const range = (response: ServerResponse) => response.writeHead(200, { 'content-type': 'text/plain' });
  it.each<[string, (response: ServerResponse) => void]>([
    ['an error', (response) => response.writeHead(500).end('oh no')],
    ['a redirect', (response) => response.writeHead(302, { location: '/range/other' }).end()],
    ['a page', (response) => range(response).end('<html><body>Please log in</body></html>')],
    ['a range with a broken line', (response) => range(response).end(`${sha1Of(LEAKED).slice(5)}:7\r\nabc:1`)],
    ['half an answer', (response) => range(response).write('0'.repeat(35), () => response.destroy())],
    ['an answer without end', (response) => range(response).write(`${'0'.repeat(35)}:1\r\n`.repeat(10_000))],
    ['too many requests', (response) => response.writeHead(429, { 'retry-after': '2' }).end()],
  ])('lets a password pass when the service answers with %s, says so once, and asks again', async (_name, answer) => {
    service.misbehave(answer);
    for (let n = 0; n < 5; n += 1) expect(await breached.has(LEAKED)).toBe(false);
    expect(service.asked).toHaveLength(5);
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'warn', unasked: 1, reason: expect.any(String) });
    expect(lines[0]).not.toMatch(new RegExp(`otters|${sha1Of(LEAKED).slice(0, 5)}`, 'i'));
    clock.advance(60_000);
    expect(await breached.has(LEAKED)).toBe(false);
    expect(JSON.parse(lines[1] ?? '')).toMatchObject({ unasked: 5 });
    service.misbehave(undefined);
    expect(await breached.has(LEAKED)).toBe(true);
  });

  it('waits two seconds for a service that says nothing', async () => {
    service.misbehave(() => undefined);
    const from = performance.now();
    expect(await breached.has(LEAKED)).toBe(false);
    expect(performance.now() - from).toBeGreaterThan(1_900);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('within 2 s');
  });

  it('refuses at the start a service that could never be asked', () => {
    const log = createLogger({ level: 'warn', clock, write: () => undefined });
    const outbound = createOutbound({ allowList: [] });
    for (const url of ['http://192.0.2.1/range', 'https://10.0.0.7/range'])
      expect(() => createBreachedPasswords({ url, outbound, clock, log })).toThrow(/VALTRONICS_BREACHED_PASSWORDS_URL/);
  });
});

describe('choosing a password', () => {
  it('[ASVS 6.2.12] refuses a leaked one that no other rule refuses', async () => {
    const { check } = createPasswords({ host: 'localhost', breached });
    expect(await check(LEAKED, owner)).toBe('not one that is known from a data breach');
    expect(await check(SAFE, owner)).toBeUndefined();
    expect(await createPasswords({ host: 'localhost', breached: undefined }).check(LEAKED, owner)).toBeUndefined();
  });

  it('asks nobody about a password that is refused anyway', async () => {
    const { check } = createPasswords({ host: 'localhost', breached });
    expect(await check('too short', owner)).toMatch(/at least 15/);
    expect(await check('passwordpassword', owner)).toBeTypeOf('string');
    expect(service.asked).toEqual([]);
  });

  it('keeps the list and the rules while the service is away', async () => {
    service.misbehave((response) => response.destroy());
    const { check } = createPasswords({ host: 'localhost', breached });
    expect(await check('1qazxsw23edcvfr4', owner)).toBeTypeOf('string');
    expect(await check(SAFE, owner)).toBeUndefined();
  });

  it('neither verifying nor hashing asks', async () => {
    const { hash, verify } = createPasswords({ host: 'localhost', breached });
    expect(await verify(await hash(LEAKED), LEAKED)).toBe(true);
    expect(service.asked).toEqual([]);
  });
});
