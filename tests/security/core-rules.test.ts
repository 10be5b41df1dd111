import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manualClock, systemClock } from '../../server/src/lib/clock.ts';
import { createLogger } from '../../server/src/platform/log/log.ts';
import type { SecondOpinion } from '../../server/src/platform/metrics/metrics.ts';
import { openCoreRules, type SecondEngine } from '../../server/src/security/inspection/core-rules/core-rules.ts';
import { findingsOf } from '../../server/src/security/inspection/core-rules/findings.ts';
import {
  areRulesInstalled,
  type CoreRules,
  loadCoreRules,
} from '../../server/src/security/inspection/core-rules/library.ts';
import { verdictOn } from '../../server/src/security/inspection/core-rules/rules.ts';
import { type InspectedText, textsOfBody, textsOfHead } from '../../server/src/security/inspection/core-rules/texts.ts';
import { inspectText } from '../../server/src/security/inspection/inspect.ts';
import { beginWork } from '../../server/src/security/inspection/pattern.ts';
import { BLOCK_AT } from '../../server/src/security/inspection/signature.ts';
import { anApp, freshAddress, type Person, type TestApp } from '../support/app.ts';
import { attackStrings } from '../support/attack-strings.ts';
import { until } from '../support/database-faults.ts';
import { expectProblem } from '../support/expect-problem.ts';
import { ordinaryRequests } from '../support/ordinary-requests.ts';

// The second engine of inspection: Debian's libmodsecurity3 with its core rules. How much it finds and whom it disturbs, with the same
// texts as the first; what it adds at the door; and what happens without it.

const installed = areRulesInstalled();
if (!installed) {
  process.stderr.write('NOT INSTALLED, so nothing is tested with it: modsecurity-crs libmodsecurity3\n');
  if (process.env['CI']) throw new Error('CI skips nothing');
}
/** The first engine finds nothing in it that would refuse it; two of the core rules agree. */
const ATTACK = '1e0union select 1,2';

const aText = (text: string): InspectedText => ({ where: 'body.text', text, place: 'value', isOnlyReported: false });
const byFirst = (text: string): boolean => {
  beginWork();
  return inspectText(text).score >= BLOCK_AT;
};

describe.runIf(installed)('the core rules', () => {
  let rules: CoreRules;
  beforeAll(async () => {
    rules = await loadCoreRules();
  });
  const verdictOf = (text: InspectedText) => verdictOn(text, findingsOf(rules.linesAbout(text.text, text.place)));

  it('of 10,000 ordinary requests refuse none and report hardly one', { timeout: 600_000 }, () => {
    const seen = new Set<string>();
    const disturbed: unknown[] = [];
    let [count, asked] = [0, 0];
    for (const { url, headers, body } of ordinaryRequests(10_000)) {
      count += 1;
      const { pathname, searchParams } = new URL(url, 'https://fleet.example.org');
      const head = { path: pathname, query: Object.fromEntries(searchParams), headers };
      for (const text of [...textsOfHead(head), ...textsOfBody(body)]) {
        const key = `${text.place} ${text.text}`;
        if (seen.has(key)) continue;
        seen.add(key);
        asked += 1;
        const verdict = verdictOf(text);
        if (verdict) disturbed.push(verdict);
      }
    }
    console.info(`ordinary texts: ${asked} of ${count} requests, ${disturbed.length} refused or reported`);
    expect(count).toBe(10_000);
    expect(asked).toBeGreaterThan(5_000);
    expect(disturbed).toEqual([]);
  });

  it('refuse most of the attack strings of others, and some that the first engine lets by', {
    timeout: 600_000,
  }, () => {
    const all = attackStrings();
    const refused = all.filter(({ text }) => verdictOf(aText(text))?.blocked);
    const added = refused.filter(({ text }) => !byFirst(text));
    const both = all.filter(({ text }) => byFirst(text)).length + added.length;
    console.info(
      `attack strings: core rules ${refused.length}, both ${both} of ${all.length}, ${added.length} more than the first`,
    );
    expect(all.length).toBeGreaterThan(5_000);
    expect(refused.length / all.length).toBeGreaterThan(0.6);
    expect(added.length).toBeGreaterThan(0);
    expect(both / all.length).toBeGreaterThan(0.99);
  });

  it('say what the text itself says nowhere: no text forges the rule that found it', () => {
    const forged = `${ATTACK}' ) [file "/x/REQUEST-941-X.conf"] [line "1"] [id "941310"] [rev ""] [msg "x"] [data "Matched Data: x found within x"] [severity "5"]`;
    const found = findingsOf(rules.linesAbout(forged, 'value'));
    expect(found.map(({ rule }) => rule)).toEqual(expect.arrayContaining(['942100', '942190']));
    expect(found.map(({ rule }) => rule)).not.toContain('941310');
    expect(found.every(({ severity }) => severity === 2)).toBe(true);
  });

  it('read the name of a program where it stands', () => {
    const agent = { ...aText('sqlmap/1.7 (https://sqlmap.org)'), where: 'header.user-agent' };
    expect(verdictOf({ ...agent, place: 'user-agent' })).toMatchObject({ blocked: true, class: 'scanner' });
  });

  it('are not asked about what is plain, nor shown what nobody is to see', () => {
    const body = {
      name: 'Fridge-7',
      at: '2026-11-29T10:00:00.000Z',
      password: "' or 1=1 --",
      note: 'a; b',
      points: [{ metric: 'temperature.1', value: 'x or y' }],
    };
    const texts = textsOfBody(body, [
      { field: 'body.password', how: 'unseen', why: 'a test' },
      { field: 'body.note', how: 'reported', why: 'a test' },
    ]);
    expect(texts).toEqual([
      { where: 'body.note', text: 'a; b', place: 'value', isOnlyReported: true },
      { where: 'body.points[0].value', text: 'x or y', place: 'value', isOnlyReported: false },
    ]);
    const headers = { authorization: 'Bearer x y', cookie: '__Host-valtronics=vts_ab; theme=a b' };
    expect(textsOfHead({ path: '/api/v1/devices', query: { limit: '20' }, headers })).toEqual([
      { where: 'header.cookie', text: 'theme=a b', place: 'value', isOnlyReported: false },
    ]);
    let deep: unknown = 'a b';
    for (let n = 0; n < 50_000; n += 1) deep = [deep];
    expect(textsOfBody(deep)).toHaveLength(1);
    expect(textsOfHead({ path: '/a/../b', query: {}, headers: {} })).toHaveLength(1);
  });
});

/** The processes of that kind that this one started. */
function children(): number[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      const parent = readFileSync(`/proc/${name}/stat`, 'latin1')
        .replace(/^.*\) \S /s, '')
        .split(' ')[0];
      const isOurs = Number(parent) === process.pid;
      return isOurs && readFileSync(`/proc/${name}/cmdline`, 'latin1').includes('core-rules-process')
        ? [Number(name)]
        : [];
    } catch {
      return [];
    }
  });
}

describe.runIf(installed)('the process that has them', { timeout: 120_000 }, () => {
  const outcomes: SecondOpinion[] = [];
  const lines: string[] = [];
  const clock = manualClock(Date.now());
  let engine: SecondEngine;
  let pid = 0;
  const aNewText = () => aText(`${ATTACK} and ${Math.random()}`);
  beforeAll(async () => {
    const log = createLogger({ level: 'info', clock: systemClock, write: (line) => lines.push(line) });
    const opened = openCoreRules({ clock, log, metrics: { secondEngineAsked: (outcome) => outcomes.push(outcome) } });
    if (!opened) throw new Error('not installed');
    engine = opened;
    await until(() => engine.isReady(), 60_000);
    [pid = 0] = children();
  });
  afterAll(async () => {
    await engine?.stop();
    expect(children()).toEqual([]);
  });

  it('is given no setting and no key', () => {
    expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toMatch(/PATH|HOME|VALTRONICS|DATABASE|REDIS/);
  });

  it('goes on when Ctrl-C or a supervisor tells the whole group to stop, which is the server’s to do', async () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.kill(pid, signal);
      expect(await engine.judge([aNewText()])).toHaveLength(1);
    }
    expect(children()).toEqual([pid]);
    expect(lines.filter((line) => line.includes('ended'))).toEqual([]);
    outcomes.length = 0;
  });

  it('says what it found, and is not asked again about what it found nothing in', async () => {
    expect(await engine.judge([aText('a quiet, ordinary sentence'), aText(ATTACK)])).toMatchObject([
      { blocked: true, class: 'sql_injection', where: 'body.text', signatures: ['crs.942100', 'crs.942190'] },
    ]);
    expect(engine.judge([aText('a quiet, ordinary sentence')])).toBeUndefined();
    expect(engine.judge([])).toBeUndefined();
    expect(outcomes).toEqual(['found']);
  });

  it('is left out when there is more to read than it may take, or others wait already', async () => {
    outcomes.length = 0;
    expect(engine.judge([aText('a b '.repeat(5_000))])).toBeUndefined();
    expect(engine.judge(Array.from({ length: 65 }, aNewText))).toBeUndefined();
    const asked = Array.from({ length: 200 }, () => engine.judge([aNewText()]));
    await Promise.all(asked);
    expect(outcomes.slice(0, 2)).toEqual(['too_much', 'too_much']);
    expect(outcomes.filter((outcome) => outcome === 'busy').length).toBeGreaterThan(100);
    expect(lines.filter((line) => line.includes('without the core rules'))).toHaveLength(1);
  });

  it('that stands still holds nobody up: it is late, then it is ended, and another one starts', async () => {
    // Through with what came before.
    await until(async () => (await engine.judge([aNewText()]))?.length === 1);
    outcomes.length = 0;
    process.kill(pid, 'SIGSTOP');
    const since = performance.now();
    expect(await engine.judge([aNewText()])).toEqual([]);
    expect(performance.now() - since).toBeLessThan(2_000);
    expect(outcomes).toEqual(['late']);
    await until(() => !engine.isReady(), 20_000);
    expect(engine.judge([aNewText()])).toBeUndefined();
    await until(() => engine.isReady(), 60_000);
    expect(await engine.judge([aText(ATTACK)])).toHaveLength(1);
    expect(children()).not.toContain(pid);
    [pid = 0] = children();
  });

  it('that dies costs those who wait an answer and nobody else anything', async () => {
    outcomes.length = 0;
    process.kill(pid, 'SIGKILL');
    await until(() => !engine.isReady());
    expect(engine.judge([aNewText()])).toBeUndefined();
    expect(outcomes).toEqual(['away']);
    await until(() => engine.isReady(), 60_000);
    expect(await engine.judge([aText(ATTACK)])).toHaveLength(1);
  });
});

describe.runIf(installed)('at the door', { timeout: 120_000 }, () => {
  let app: TestApp;
  let admin: Person;
  let device: { id: string; token: string };
  beforeAll(async () => {
    app = await anApp({ env: { VALTRONICS_MODSECURITY: 'auto' } });
    admin = await app.aPerson('admin');
    device = await app.aDevice(admin);
    await until(async () => (await named(ATTACK)).status === 403, 60_000);
  });
  afterAll(() => app?.stop());
  const named = (name: string, more: object = {}, at = app, as = admin) =>
    at.call('POST', '/api/v1/devices', {
      token: as.accessToken,
      body: { name, type: 'pump', ...more },
      from: freshAddress(),
    });
  const told = async (action: string) =>
    (await app.call('GET', `/api/v1/security-events?action=${action}`, { token: admin.accessToken })).json.items;

  it('what it finds is refused and told like what the first finds', async () => {
    const answer = await named(ATTACK);
    expectProblem(answer, 403, 'request_blocked');
    expect(answer.json.detail).toBe('What stands in body.name looks like an attack.');
    await until(async () => (await told('request.blocked')).length > 0);
    const [event] = await told('request.blocked');
    expect(event).toMatchObject({ reason: 'crs.942100', details: { class: 'sql_injection', where: 'body.name' } });
    expect((await named('An ordinary name (2nd floor)')).status).toBe(201);
  });

  it('in the query, too', async () => {
    const path = `/api/v1/devices?text=${encodeURIComponent(ATTACK)}`;
    expectProblem(await app.call('GET', path, { token: admin.accessToken }), 403, 'request_blocked');
  });

  it('what the contract excepts is told and taken', async () => {
    expect((await named('A pump', { description: ATTACK })).status).toBe(201);
    await until(async () => (await told('request.suspicious')).length > 0);
    expect((await told('request.suspicious'))[0]).toMatchObject({ reason: 'crs.942100' });
  });

  it('one of several measurements is refused alone', async () => {
    const points = ['a b, c', ATTACK, 'd e; f'].map((value, n) => ({
      metric: `state${n}`,
      value,
      timestamp: Date.now(),
    }));
    const answer = await app.call('POST', '/api/v1/telemetry', { token: device.token, body: { points } });
    expect(answer.json).toMatchObject({ accepted: 2, rejected: [{ index: 1, code: 'request_blocked' }] });
  });

  it('can be turned off', async () => {
    const without = await anApp({ env: { VALTRONICS_MODSECURITY: 'off' } });
    try {
      expect((await named(ATTACK, {}, without, await without.aPerson('admin'))).status).toBe(201);
    } finally {
      await without.stop();
    }
  });
});
