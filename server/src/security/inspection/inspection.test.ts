// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what attacks look like
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { isHarmlessJson } from './harmless.ts';
import { compiledPatterns, inspectText as inspect, type Place } from './inspect.ts';
import { inspectHead, inspectMessage, inspectValue } from './inspect-request.ts';
import { beginWork, work } from './pattern.ts';
import { BLOCK_AT, DETECT_AT } from './signature.ts';
import { signatures } from './signatures/index.ts';
import { CARRIED, HELD } from './tokenizer.ts';

const inspectText = (text: string, place?: Place) => {
  beginWork();
  return inspect(text, place);
};
const ATTACK = "1' or 1=1 union select password from users-- ";
const blocked = (text: string): boolean => inspectText(text).score >= BLOCK_AT;

describe('the time it takes', () => {
  test('no signature looks further than a window carries over, or in more than a few steps', () => {
    for (const { width, cost } of compiledPatterns()) {
      expect(width).toBeLessThanOrEqual(CARRIED);
      expect(cost).toBeLessThanOrEqual(2_000);
    }
  });

  test('[ASVS 1.3.12] signatures are words and marks: there is no regular expression among them', () => {
    const folder = new URL('signatures/', import.meta.url);
    for (const file of readdirSync(folder))
      expect(readFileSync(new URL(file, folder), 'utf8')).not.toMatch(/RegExp|= \//);
  });

  it.each([
    ['words that many signatures begin with', 'select union or and '],
    ['quotes', `'"`],
    ['brackets', '((('],
    ['openings of tags', '< script < img '],
    ['beginnings of comments', '/*'],
    ['ups', '../'],
    ['signs of encoding', '%25%32%35'],
    ['entities without an end', '&#0'],
    ['functions', 'concat(char('],
    ['lines of comments', '--\n#\n'],
    ['texts in base64', 'c2VsZWN0IGZyb20gd2hlcmUg '],
  ])('%s: four times as long are at most about four times the steps', (_, unit) => {
    const steps = (length: number): number => {
      inspectText(unit.repeat(Math.ceil(length / unit.length)).slice(0, length));
      return work.steps;
    };
    const small = steps(64 * 1024);
    const large = steps(256 * 1024);
    expect(large).toBeLessThanOrEqual(4.5 * small + 10_000);
    expect(large).toBeLessThan(200_000 + 3 * 256 * 1024);
  });
});

describe('what is refused is not read on', () => {
  const MB = 1_048_576;
  const full = (unit: string): string => unit.repeat(Math.ceil(MB / unit.length)).slice(0, MB);
  test('after the first member that is refused nothing is', () => {
    const members = (count: number) => Array.from({ length: count }, (_, index) => `' or ${index}=1`);
    inspectValue(members(1), 'body');
    const ofOne = work.steps;
    expect(inspectValue(members(60_000), 'body')).toMatchObject({ blocked: true, where: 'body[0]' });
    expect(work.steps).toBeLessThanOrEqual(ofOne);
    expect(inspectHead({ path: `/x?${ATTACK}`, query: {}, headers: { 'x-a': full("1' or (") } })).toMatchObject({
      where: 'path',
    });
  });

  test('nor is anything once the work of a request is done', () => {
    const small = Object.fromEntries(Array.from({ length: 60_000 }, (_, index) => [`k${index}`, `a'b ${index}`]));
    expect(inspectValue(small, 'body')).toMatchObject({ blocked: true, class: 'evasion' });
    expect(work.steps).toBeLessThanOrEqual(work.limit + 1_000);
  });

  test('a field that is only reported cannot spend the work and hide what comes behind it', () => {
    const exemptions = [{ field: 'body.payload', how: 'reported', why: 'for this test' }] as const;
    const body = { payload: full(`')`), name: ATTACK };
    expect(inspectValue(body, 'body', exemptions)).toMatchObject({ blocked: true, where: 'body.name' });
    expect(inspectValue({ payload: [full(`')`), full(`')`)] }, 'body', exemptions)).toMatchObject({ blocked: false });
  });

  // An order of magnitude above what `npm run bench -- inspection` measures: a machine that is busy with other tests is slow, too.
  it.each([
    ['small members', Object.fromEntries(Array.from({ length: 60_000 }, (_, index) => [`k${index}`, `a'b ${index}`]))],
    ['%25', full('%25')],
    ['base64', Buffer.from(full('select a from b where c ')).toString('base64').slice(0, MB)],
    ['entities', full('&#x26;')],
  ])('a megabyte of %s takes bounded time', (_, body) => {
    const times = Array.from({ length: 5 }, () => {
      const before = process.cpuUsage();
      inspectValue(body, 'body');
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1_000;
    });
    expect(Math.min(...times)).toBeLessThan(500);
  });
});

describe('nothing passes unseen', () => {
  it.each([0, 1, HELD - 20, HELD, HELD + 7, 70_000, 200_000])('an attack behind %i marks is found', (marks) => {
    expect(blocked(`${'. '.repeat(marks)}${ATTACK}`)).toBe(true);
    expect(blocked(`${ATTACK}${' .'.repeat(marks)}`)).toBe(true);
  });

  test('an attack is found wherever a window ends', () => {
    for (let shift = 0; shift < 80; shift += 1)
      expect(blocked(`${'. '.repeat(HELD - 70 + shift)}union select 1,2`)).toBe(true);
  });

  test('a text made to take long is refused before it does', () => {
    expect(inspectText(`')`.repeat(500_000))).toMatchObject({ class: 'evasion', score: 5 });
    expect(work.steps).toBeLessThan(2_000_000);
  });

  test('spaces, however many, part nothing', () => {
    expect(blocked(`1 union${' '.repeat(300_000)}select 1,2`)).toBe(true);
    expect(blocked(`1 union/*${'x'.repeat(300_000)}*/select 1,2`)).toBe(true);
  });

  it.each([
    ['URL', encodeURIComponent],
    ['base64', (text: string) => Buffer.from(text).toString('base64')],
    ['base64 of URL', (text: string) => Buffer.from(encodeURIComponent(text)).toString('base64')],
  ])('what is still encoded as %s after three times is read or refused, however often', (_, encode) => {
    let text = '<script>alert(1)</script>';
    for (let times = 1; times <= 8; times += 1) {
      text = encode(text);
      expect(blocked(text), `${times} times`).toBe(true);
    }
    let bold = '<b>';
    for (let times = 0; times < 5; times += 1) bold = encodeURIComponent(bold);
    expect(inspectText(bold)).toMatchObject({ score: 5, class: 'evasion' });
  });

  test('signs that only look like escapes, next to a token in base64, are no encoding', () => {
    const token = Buffer.from('{"alg":"none","typ":"JWT"} and ordinary words').toString('base64');
    for (const text of [`100 %%%%d of it, ${token}`, 'AT&T, R&D, Q&A &amp so on', 'C:\\\\temp\\new &&&& %%%'])
      expect(inspectText(text).score).toBe(0);
  });

  test('deep documents are followed to the end', () => {
    const deep = JSON.parse(`${'['.repeat(5_000)}"${ATTACK}"${']'.repeat(5_000)}`);
    expect(inspectValue(deep, 'body')).toMatchObject({ blocked: true, class: 'sql_injection' });
  });
});

describe('what is encoded', () => {
  const script = '<script>alert(1)</script>';
  const hex = (text: string, each: (code: string) => string): string =>
    [...text].map((character) => each(character.charCodeAt(0).toString(16).padStart(2, '0'))).join('');
  it.each([
    ['URL', hex(script, (code) => `%${code}`)],
    ['URL twice', hex(script, (code) => `%25${code}`)],
    ['\\u', hex(script, (code) => `\\u00${code}`)],
    ['\\u{}', hex(script, (code) => `\\u{${code}}`)],
    ['\\x', hex(script, (code) => `\\x${code}`)],
    ['entities', hex(script, (code) => `&#x${code};`)],
    ['entities with zeros', hex(script, (code) => `&#x000000${code}`)],
    ['named entities', '&lt;script&gt;alert&lpar;1&rpar;&lt;/script&gt;'],
    ['named entities without their end', '&ltscript&gtalert(1)&LT/script&gt'],
    ['base64', Buffer.from(script).toString('base64')],
    ['base64url in a sentence', `token ${Buffer.from(script).toString('base64url')} end`],
    ['hexadecimal', Buffer.from(script).toString('hex')],
    ['base64 of URL of \\u', Buffer.from(encodeURIComponent(hex(script, (code) => `\\u00${code}`))).toString('base64')],
    ['full width', [...script].map((c) => (c < '!' ? c : String.fromCharCode(c.charCodeAt(0) + 0xfee0))).join('')],
    ['URL of UTF-8 that is too long', '%c0%ae%c0%ae%c0%af%c0%ae%c0%ae%c0%afetc/passwd'],
    ['with NUL between', [...script].join('\0')],
  ])('as %s is read', (_, text) => {
    expect(inspectText(text).score).toBeGreaterThanOrEqual(BLOCK_AT);
  });
});

test('an attribute that runs is found however far it stands from its tag, and with spaces around the sign', () => {
  expect(blocked(`<p title="${'word '.repeat(28)}" onmouseover = top.foo(1)>`)).toBe(true);
  expect(inspectText('oninput = yes').score).toBe(DETECT_AT);
});

describe('where it stands', () => {
  it('is told: path, query, header, key, value', () => {
    const head = (own: object) => inspectHead({ path: '/api/v1/devices', query: {}, headers: {}, ...own });
    expect(head({})).toBeUndefined();
    expect(head({ path: '/static/..%2f..%2f..%2fetc%2fpasswd' })).toMatchObject({
      blocked: true,
      where: 'path',
      class: 'path_traversal',
    });
    expect(head({ path: '/phpmyadmin' })).toMatchObject({ blocked: false, class: 'scanner', score: DETECT_AT });
    expect(head({ query: { text: ATTACK } })).toMatchObject({ blocked: true, where: 'query.text' });
    expect(head({ headers: { 'x-forwarded-host': '${jndi:ldap://x.example/a}' } })).toMatchObject({
      blocked: true,
      where: 'header.x-forwarded-host',
      class: 'jndi_injection',
    });
    expect(head({ headers: { 'user-agent': 'sqlmap/1.7.2#stable (https://sqlmap.org)' } })).toMatchObject({
      class: 'scanner',
      blocked: true,
    });
    expect(inspectValue({ a: [{ 'user[$ne]': 1 }] }, 'body')).toMatchObject({
      where: 'body.a[0].user[$ne]',
      class: 'nosql_injection',
    });
    expect(inspectValue({ filter: { $where: '1' } }, 'body')).toMatchObject({ where: 'body.filter.$where' });
    expect(inspectValue({ points: [{}, { value: ATTACK }] }, 'body')).toMatchObject({ where: 'body.points[1].value' });
  });

  it('leaves credentials out, and tells nothing of what was said', () => {
    expect(
      inspectHead({
        path: '/',
        query: {},
        headers: { authorization: `Bearer ${ATTACK}`, cookie: `__Host-session=${ATTACK}` },
      }),
    ).toBeUndefined();
    expect(inspectHead({ path: '/', query: {}, headers: { cookie: `theme=${ATTACK}` } })).toMatchObject({
      where: 'header.cookie',
    });
    const verdict = inspectValue({ note: "Smith, born 1970-01-02: ' or 1=1 -- Hunter2 pancreas" }, 'body');
    expect(verdict?.excerpt).not.toMatch(/Smith|1970|Hunter|pancreas/);
    expect(verdict?.excerpt).toContain("' or 1=1");
  });
});

describe('whence a request comes', () => {
  it('is no target, wherever the dashboard is opened; what follows the host is read, and so is the same in another header', () => {
    const head = (headers: Record<string, string>) => inspectHead({ path: '/', query: {}, headers });
    for (const origin of [
      'https://localhost:8000',
      'http://127.0.0.1:8000',
      'https://[::1]:8000',
      'https://192.168.0.7',
    ])
      expect([origin, head({ origin, referer: `${origin}/devices?status=online` })]).toEqual([origin, undefined]);
    expect(head({ referer: `https://localhost:8000/?q=${ATTACK}` })).toBeDefined();
    expect(head({ 'x-forwarded-url': 'http://127.0.0.1:6379/' })).toBeDefined();
  });
});

describe('exceptions', () => {
  const why = 'for this test';
  test('what is unseen is not read, what is reported is never refused, and that is all they open', () => {
    const body = { password: ATTACK, note: ATTACK, payload: { list: [ATTACK] } };
    const exemptions = [
      { field: 'body.password', how: 'unseen', why },
      { field: 'body.note', how: 'reported', why },
      { field: 'body.payload', how: 'reported', why },
    ] as const;
    expect(inspectValue(body, 'body', exemptions)).toMatchObject({ blocked: false, class: 'sql_injection' });
    expect(inspectValue({ password: ATTACK }, 'body', exemptions)).toBeUndefined();
    expect(inspectValue({ ...body, passwords: ATTACK }, 'body', exemptions)).toMatchObject({
      blocked: true,
      where: 'body.passwords',
    });
    expect(inspectValue({ a: { password: ATTACK } }, 'body', exemptions)).toMatchObject({ blocked: true });
  });
});

describe('the look at the bytes', () => {
  it('lets by what devices send', () => {
    const points = [
      { metric: 'temperature', value: 21.5, unit: '°C', timestamp: '2026-11-05T12:34:56.789Z' },
      { metric: 'humidity.relative', value: -0.5e-3, unit: '%' },
      { metric: 'pm_25', value: true, unit: 'µg/m³', timestamp: 1_762_000_000_000 },
    ];
    expect(isHarmlessJson(Buffer.from(JSON.stringify({ points })))).toBe(true);
    expect(isHarmlessJson(Buffer.from(JSON.stringify({ points }, null, 2)))).toBe(true);
    expect(isHarmlessJson(Buffer.from('21.5'))).toBe(true);
  });

  it.each([
    '"a b"',
    '"$ne"',
    '"a\'"',
    '"a;b"',
    '"__proto__"',
    '"javascript:x"',
    '"\\u0041"',
    '"%41"',
    '"/etc/passwd"',
    '"../x"',
    `"${'a'.repeat(16)}"`,
    '"<b"',
    '"a|id"',
    '"\u00a0"',
  ])('is not sure of %s', (text) => {
    expect(isHarmlessJson(Buffer.from(text))).toBe(false);
  });

  test('whatever it lets by would have passed the full reading, too', () => {
    const words = fc.constantFrom(
      'or',
      'union',
      'select',
      'script',
      'etc',
      'passwd',
      '1',
      '-1',
      '.',
      '-',
      '+',
      '_',
      '/',
      '%',
      'x',
      'sleep',
      'id',
      'cat',
      'onload',
      'constructor',
      'prototype',
      '°',
      '²',
      '12:30',
    );
    const text = fc.array(words, { maxLength: 6 }).map((parts) => parts.join(''));
    const value = fc.oneof(text, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean());
    let let_by = 0;
    fc.assert(
      fc.property(fc.array(fc.dictionary(text, value, { maxKeys: 4 }), { maxLength: 4 }), (document) => {
        const bytes = Buffer.from(JSON.stringify(document));
        if (!isHarmlessJson(bytes)) return;
        let_by += 1;
        expect(inspectValue(JSON.parse(bytes.toString()), 'body')?.blocked ?? false).toBe(false);
      }),
      { numRuns: 3_000 },
    );
    expect(let_by).toBeGreaterThan(300);
  });
});

describe('a message', () => {
  it('is read as JSON, or as a text where it is none', () => {
    expect(inspectMessage(Buffer.from(JSON.stringify({ value: ATTACK })))).toMatchObject({ where: 'body.value' });
    expect(inspectMessage(Buffer.from(`{"value": ${ATTACK}`))).toMatchObject({ where: 'body', blocked: true });
    expect(inspectMessage(Buffer.from('online'))).toBeUndefined();
  });
});

describe('what costs too much to be read again', () => {
  const tooMuch = (value: unknown) =>
    inspectValue(value, 'body')?.signatures.includes('evasion.costs_too_much') ?? false;
  const prose = (characters: number) => 'the valve was opened again, '.repeat(characters / 28);

  it('is refused: a long text with an escape, many of them, and one that is nothing but escapes', () => {
    expect(tooMuch(`%41${prose(300_000)}`)).toBe(true);
    expect(tooMuch(Array.from({ length: 16 }, () => `%41${prose(60_000)}`))).toBe(true);
    expect(tooMuch('%25'.repeat(100_000))).toBe(true);
  });

  it('is not: a long text without one, a few pages with one each', () => {
    expect(tooMuch(prose(1_000_000))).toBe(false);
    expect(tooMuch(Array.from({ length: 4 }, () => `%41${prose(60_000)}`))).toBe(false);
  });

  it('is counted for each request by itself', () => {
    const pages = Array.from({ length: 3 }, () => `%41${prose(60_000)}`);
    for (let request = 0; request < 5; request += 1) expect(tooMuch(pages)).toBe(false);
  });
});

test('every signature has a public name of its own, a reference and a score that counts', () => {
  const ids = signatures.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { id, score, patterns } of signatures) {
    expect(id).toMatch(/^[a-z]+\.[a-z_]+$/);
    expect(score).toBeGreaterThanOrEqual(2);
    expect(score).toBeLessThanOrEqual(5);
    expect(new Set(patterns).size).toBe(patterns.length);
  }
});
