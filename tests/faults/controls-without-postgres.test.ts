import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, anApp, freshAddress, type Person, type TestApp, type TestKey } from '../support/app.ts';
import { aDatabase } from '../support/database.ts';
import { aDebianPostgres, type DebianPostgres, debianPostgresInstalled } from '../support/database-debian.ts';
import { query, until } from '../support/database-faults.ts';
import { makeTemplate } from '../support/database-global-setup.ts';
import { anMqttClient } from '../support/mqtt-client.ts';

// PostgreSQL is killed, or stands still, under a whole server: what every control does meanwhile and what it does afterwards. The table
// of it is docs/outages.md.

const RECOVERS_WITHIN_MS = 60_000;
/** Far less than anything that asked the database first, and waited for it, would take. */
const FROM_MEMORY_MS = 3_000;
const ATTACK = '/api/v1/devices?search=1%27%20union%20select%20password%20from%20users--';

describe.skipIf(!debianPostgresInstalled())('PostgreSQL away', { timeout: 180_000, retry: 0 }, () => {
  let postgres: DebianPostgres;
  let app: TestApp;
  let admin: Person;
  let person: Person;
  let device: { id: string; token: string };
  let unseen: { id: string; token: string };
  let key: TestKey;
  const [banned, exempt, guesser] = [freshAddress(), freshAddress(), freshAddress()];

  beforeAll(async () => {
    postgres = await aDebianPostgres();
    const { host = '', port = 0, user = '', password } = postgres.adminConnection();
    const cluster = { socketDir: host, port, adminUser: user, adminPassword: String(password) };
    const credentials = await makeTemplate(postgres);
    const database = await aDatabase({ cluster: { ...cluster, credentials } });
    app = await anApp({
      database,
      webFolder: import.meta.dirname,
      env: {
        VALTRONICS_ALLOW_LIST: exempt,
        VALTRONICS_ACCESS_TOKEN_MINUTES: '60',
        VALTRONICS_LOG_LEVEL: 'fatal',
      },
    });
    admin = await app.aPerson('admin');
    person = await app.aPerson('operator');
    [device, unseen] = [await app.aDevice(admin), await app.aDevice(admin)];
    await app.freshProof(admin);
    key = await app.aKey(admin, 'operator', ['device:read']);
    expect((await ban(banned)).status).toBe(201);
    const siem = { name: 'An archive', kind: 'file', target: 'archive', format: 'ecs' };
    const made = await app.call('POST', '/api/v1/siem-destinations', { token: admin.accessToken, body: siem });
    expect(made.status).toBe(201);
  });
  afterAll(async () => {
    // A test that broke off leaves it as it was then.
    await postgres?.start().catch(() => undefined);
    await app?.stop();
    await postgres?.stop();
  });

  const ban = (value: string): Promise<Answer> =>
    app.call('POST', '/api/v1/blocks', {
      token: admin.accessToken,
      body: { scope: 'ip', value, kind: 'ban', seconds: 3_600, reason: 'seen in a test' },
    });
  const me = (from = freshAddress(), token = person.accessToken) => app.call('GET', '/api/v1/auth/me', { token, from });
  const signIn = (from: string, password = person.password) =>
    app.call('POST', '/api/v1/auth/login', { body: { email: person.email, password }, from });
  const said = ({ status, json }: Answer): [number, string | undefined] => [status, json?.code];
  const unavailable = [503, 'unavailable'];
  const ready = async () => (await app.call('GET', '/health/ready', { from: freshAddress() })).status;
  const mqtt = (from: string, as = device) =>
    anMqttClient(app.mqttPort, {
      username: as.id,
      password: as.token,
      localAddress: from,
    } as Parameters<typeof anMqttClient>[1]);
  const points = { points: [{ metric: 'level', value: 1, timestamp: Date.now() }] };

  async function inTime<T>(answer: Promise<T>): Promise<T> {
    const since = performance.now();
    const got = await answer;
    expect(performance.now() - since).toBeLessThan(FROM_MEMORY_MS);
    return got;
  }

  /** What is decided from memory, and so goes on as if nothing were the matter: on time, and to the digit. */
  async function memoryHolds(): Promise<void> {
    // Blocks in force: every door.
    for (const path of ['/api/v1/auth/me', '/', '/health/live', '/api/v1/openapi.json'])
      expect(said(await inTime(app.call('GET', path, { token: person.accessToken, from: banned })))).toEqual([
        403,
        'banned',
      ]);
    await expect(inTime(mqtt(banned))).rejects.toThrow(/not authorized|closed/i);
    // Limits: 20 at once for a stranger.
    const stranger = freshAddress();
    const asked = await inTurns(4, 25, () => app.call('GET', '/api/v1/openapi.json', { from: stranger }));
    const refused = asked.filter(({ status }) => status === 429);
    expect(asked.length - refused.length).toBeGreaterThanOrEqual(20);
    expect(refused.length).toBeGreaterThanOrEqual(5);
    // Inspection: an attack is refused as one.
    expect(said(await inTime(app.call('GET', ATTACK, { from: freshAddress() })))).toEqual([403, 'request_blocked']);
    // It lives, and says that it cannot serve.
    expect((await inTime(app.call('GET', '/health/live', { from: freshAddress() }))).status).toBe(200);
  }

  it('by kill -9: nobody is let in, nobody banned is, attacks are refused, and all of it is looked at when it is back', async () => {
    const [attacker, afterwards] = [freshAddress(), freshAddress()];
    for (let n = 0; n < 3; n += 1) expect((await signIn(guesser, `wrong ${n}`)).status).toBe(401);
    const connected = await mqtt(freshAddress());
    const file = () => readFileSync(join(app.dataDir, 'logs', 'security.jsonl'), 'utf8');
    const archived = () =>
      readIfThere(join(app.dataDir, 'siem', String(app.organisationId), 'archive', 'events.jsonl'));
    await until(() => archived().includes(`"${guesser}"`));
    const before = archived();
    await postgres.kill();

    await memoryHolds();
    await until(async () => (await ready()) === 503);
    // Sessions, keys and devices: not let in, and not told that their credential is bad, upon which they would throw it away.
    for (const token of [person.accessToken, key.secret]) expect(said(await me(undefined, token))).toEqual(unavailable);
    expect(said(await app.call('POST', '/api/v1/telemetry', { token: device.token, body: points }))).toEqual(
      unavailable,
    );
    // A device that was known a moment ago is believed for a minute (nobody can revoke it meanwhile); any other is told to come again.
    await (await mqtt(freshAddress())).end();
    await expect(mqtt(freshAddress(), unseen)).rejects.toThrow(/unavailable/i);
    // Sign-in: right and wrong are told the same, since neither was looked at.
    const answers = [await signIn(guesser), await signIn(guesser, 'wrong again')];
    expect(answers.map(said)).toEqual([unavailable, unavailable]);
    // Decisions by hand and every other change, which would have to be recorded: refused.
    expect(said(await ban(afterwards))).toEqual(unavailable);
    expect((await app.call('GET', '/api/v1/openapi.json', { from: afterwards })).status).toBe(200);
    // What a device sends is not acknowledged before it is kept; it is sent again later.
    const acknowledged = connected.publish(`valtronics/devices/${device.id}/telemetry`, JSON.stringify(points));
    acknowledged.catch(() => undefined);
    expect(await Promise.race([acknowledged.then(() => 'acknowledged'), later(1_500)])).toBe('later');
    // Detection waits, and misses nothing: three attacks make a ban, of whoever is not exempt.
    for (let n = 0; n < 3; n += 1)
      for (const from of [attacker, exempt])
        expect(said(await app.call('GET', ATTACK, { from }))).toEqual([403, 'request_blocked']);
    await until(
      () =>
        file()
          .split('\n')
          .filter((line) => line.includes(`"${attacker}"`)).length > 0,
    );
    expect((await app.call('GET', '/api/v1/openapi.json', { from: attacker })).status).toBe(200);
    // What a SIEM is told waits where it was.
    expect(archived()).toBe(before);

    await postgres.start();
    await until(async () => (await ready()) === 200, RECOVERS_WITHIN_MS);
    await until(async () => (await me()).status === 200, RECOVERS_WITHIN_MS);
    expect((await me(banned)).json.code).toBe('banned');
    await until(
      async () => (await app.call('GET', '/api/v1/openapi.json', { from: attacker })).json?.code === 'banned',
      RECOVERS_WITHIN_MS,
    );
    expect((await app.call('GET', '/api/v1/openapi.json', { from: exempt })).status).toBe(200);
    // SIEMs are told of all of it, and of what followed from it, behind what they had, each event in the order of the table.
    await until(() => archived().includes(`"injection-probing"`), RECOVERS_WITHIN_MS);
    expect(archived().startsWith(before)).toBe(true);
    const order = 'select id from security_events order by position';
    const ids = (await query(app.database.connection('admin'), order)).map(({ id }) => id);
    const told = [...new Set(idsIn(archived()))];
    expect(told.length).toBeGreaterThan(idsIn(before).length);
    const from = ids.indexOf(told[0]);
    expect(told).toEqual(ids.slice(from, from + told.length));
    // Guesses count on where they were: three before, none meanwhile, and the fifth blocks.
    expect((await signIn(guesser, 'wrong, 4')).json.code).toBe('invalid_credentials');
    expect((await signIn(guesser, 'wrong, 5')).status).not.toBe(503);
    await until(async () => (await signIn(guesser)).json?.code === 'address_blocked');
    const attempts = `select count(*)::int as failures from guess_attempts where address = '${guesser}' and state = 'failed'`;
    expect(await query(app.database.connection('admin'), attempts)).toEqual([{ failures: 5 }]);
    await connected.end();
  });

  it('standing still, which no connection notices: what is decided from memory is decided at once, and nobody is let in', async () => {
    postgres.pause();
    await memoryHolds();
    await until(async () => (await ready()) === 503);
    const answers = [signIn(freshAddress()), me()];
    for (const answer of answers)
      expect(await Promise.race([answer.then(({ status }) => status), later(2_000)])).toSatisfy(
        (outcome) => outcome === 'later' || outcome === 503,
      );
    await postgres.start();
    for (const { status } of await Promise.all(answers)) expect([200, 503]).toContain(status);
    await until(async () => (await me()).status === 200, RECOVERS_WITHIN_MS);
    expect((await me(banned)).json.code).toBe('banned');
  });
});

/** So many lines of so many requests; a connection each, since a hundred handshakes would take longer than a limit lasts. */
async function inTurns(lines: number, length: number, ask: () => Promise<Answer>): Promise<Answer[]> {
  const answers: Answer[] = [];
  await Promise.all(
    Array.from({ length: lines }, async () => {
      for (let n = 0; n < length; n += 1) answers.push(await ask());
    }),
  );
  return answers;
}
const idsIn = (lines: string): string[] =>
  lines
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).event.id);
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
const later = (ms: number) => new Promise<string>((resolve) => setTimeout(resolve, ms, 'later'));
