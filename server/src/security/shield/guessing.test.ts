import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { anAddress, aShield } from '../../../../tests/support/shield.ts';
import { shieldJobs } from './shield.jobs.ts';

let database: TestDatabase;
let shield: Awaited<ReturnType<typeof aShield>>;
const closing: (() => Promise<void>)[] = [];
let accounts = 0;
const anAccount = (): string => {
  accounts += 1;
  return `person-${accounts}@example.org`;
};
const SECOND = 1_000;
const HOUR = 3_600 * SECOND;

beforeAll(async () => {
  database = await aDatabase();
  shield = await aShield(database);
});
afterAll(async () => {
  for (const close of [...closing, () => shield.close()]) await close();
  await database?.drop();
});

/** Another server process on the same database, or the same one started again. */
async function another(exempt: readonly string[] = []) {
  const made = await aShield(database, shield.clock, exempt);
  closing.push(made.close);
  return made;
}

describe('an address', () => {
  it('[ASVS 6.3.1] is blocked by the fifth failure within the hour, for 300 seconds', async () => {
    const address = anAddress();
    await shield.wrong(4, { address, account: anAccount() });
    expect(shield.blocks.of(address)).toBeUndefined();
    expect(await shield.guess({ address, account: anAccount() })).toBe('wrong');
    expect(shield.blocks.of(address)).toMatchObject({ scope: 'ip', value: address, evidence: { failures: 5, nth: 1 } });
    expect(await shield.right({ address, account: anAccount() })).toBe('address_blocked');
    shield.clock.advance(299 * SECOND);
    expect(await shield.right({ address, account: anAccount() })).toBe('address_blocked');
    shield.clock.advance(2 * SECOND);
    expect(shield.blocks.of(address)).toBeUndefined();
    expect(await shield.right({ address, account: anAccount() })).toBe('right');
  });

  it('whose failures are further apart than an hour is not', async () => {
    const address = anAddress();
    await shield.wrong(1, { address, account: anAccount() });
    shield.clock.advance(HOUR);
    await shield.wrong(4, { address, account: anAccount() });
    expect(shield.blocks.of(address)).toBeUndefined();
    expect(await shield.right({ address, account: anAccount() })).toBe('right');
  });

  it('is blocked again by each failure after that, twice as long each time', async () => {
    const address = anAddress();
    const account = anAccount;
    await shield.wrong(5, { address, account: account() });
    for (const seconds of [300, 600, 1200]) {
      const block = shield.blocks.of(address);
      expect(block && block.expires_at.getTime() - block.created_at.getTime()).toBe(seconds * SECOND);
      shield.clock.advance(seconds * SECOND - 1);
      expect(await shield.guess({ address, account: account() })).toBe('address_blocked');
      shield.clock.advance(1);
      expect(await shield.guess({ address, account: account() })).toBe('wrong');
    }
  });

  it('that goes on while blocked is not blocked for longer, and is marked as suspicious at ten', async () => {
    const address = anAddress();
    await shield.wrong(5, { address, account: anAccount() });
    const until = shield.blocks.of(address)?.expires_at;
    const suspicion = async () =>
      (await database.admin.query(`select attempts from suspicious_addresses where address = $1`, [address])).rows;
    for (let n = 6; n < 10; n += 1) await shield.guess({ address, account: anAccount() });
    expect(await suspicion()).toEqual([]);
    await shield.guess({ address, account: anAccount() });
    expect(await suspicion()).toEqual([{ attempts: 10 }]);
    expect(shield.lines).toContainEqual(
      expect.objectContaining({ event: 'address.suspicious', address, attempts: 10 }),
    );
    for (let n = 0; n < 30; n += 1) await shield.guess({ address, account: anAccount() });
    expect(shield.blocks.of(address)?.expires_at).toEqual(until);
    // A flood writes no more rows than say something.
    const rows = await database.admin.query('select 1 from guess_attempts where address = $1', [address]);
    expect(rows.rows.length).toBeLessThanOrEqual(15);
    const events = await database.admin.query(
      `select event, details->>'scope' as scope, details->>'value' as value from audit_events
       where host(address) = $1 order by at`,
      [address],
    );
    expect(events.rows).toEqual([
      { event: 'block.created', scope: 'ip', value: address },
      { event: 'address.suspicious', scope: null, value: null },
    ]);
  });

  it('of IPv6 is its /64, and IPv4 in an IPv6 coat is IPv4', async () => {
    const account = anAccount;
    for (const host of ['1', '2', 'ffff:1', '4', '5'])
      await shield.wrong(1, { address: `2001:db8:7:1::${host}`, account: account() });
    expect(shield.blocks.of('2001:db8:7:1:abcd::9')).toMatchObject({ value: '2001:db8:7:1::/64' });
    expect(shield.blocks.of('2001:db8:7:2::1')).toBeUndefined();
    const mapped = anAddress();
    for (const address of [mapped, `::ffff:${mapped}`, mapped, `::ffff:${mapped}`, mapped])
      await shield.wrong(1, { address, account: account() });
    expect(shield.blocks.of(`::ffff:${mapped}`)).toMatchObject({ value: mapped });
  });

  it('of a trusted proxy or on the allow-list is never blocked, whatever the rows say; one account there is throttled', async () => {
    const [exempt, account] = [anAddress(), anAccount()];
    const site = await another([exempt]);
    for (let n = 0; n < 12; n += 1) await site.wrong(1, { address: exempt, account: anAccount() });
    expect(site.blocks.of(exempt)).toBeUndefined();
    await database.admin.query(
      `insert into blocks (id, scope, value, reason, created_at, expires_at) values (gen_random_uuid(), 'ip', $1, 'by hand', $2, $3)`,
      [exempt, site.clock.date(), new Date(site.clock.now() + HOUR)],
    );
    const started = await another([exempt]);
    expect(started.blocks.of(exempt)).toBeUndefined();
    expect(await started.right({ address: exempt, account })).toBe('right');
    await started.wrong(5, { address: exempt, account });
    expect(await started.right({ address: exempt, account })).toBe('too_many_requests');
    expect(await started.right({ address: exempt, account: anAccount() })).toBe('right');
    started.clock.advance(300 * SECOND);
    expect(await started.right({ address: exempt, account })).toBe('right');
  });

  it('that signs in with an account of its own has its failures with others counted on (credential stuffing)', async () => {
    const [address, own] = [anAddress(), anAccount()];
    for (let n = 0; n < 4; n += 1) {
      await shield.wrong(1, { address, account: anAccount() });
      expect(await shield.right({ address, account: own })).toBe('right');
    }
    expect(await shield.guess({ address, account: anAccount() })).toBe('wrong');
    expect(shield.blocks.of(address)).toBeDefined();
  });

  it('whose user mistypes their own password and then signs in starts afresh', async () => {
    const [address, account] = [anAddress(), anAccount()];
    for (let day = 0; day < 3; day += 1) {
      await shield.wrong(4, { address, account });
      expect(await shield.right({ address, account })).toBe('right');
    }
    expect(shield.blocks.of(address)).toBeUndefined();
  });

  it('follows the schedule whatever comes: blocked exactly when the plain rule says so', async () => {
    const step = fc.record({
      waitSeconds: fc.constantFrom(0, 1, 250, 301, 1_300, 3_600, 20_000, 86_400),
      tries: fc.integer({ min: 1, max: 6 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        const address = anAddress();
        const [failures, begun]: [number[], number[]] = [[], []];
        let until = 0;
        for (const { waitSeconds, tries } of steps) {
          shield.clock.advance(waitSeconds * SECOND);
          for (let n = 0; n < tries; n += 1) {
            const now = shield.clock.now();
            const answer = await shield.guess({ address, account: anAccount() });
            expect(answer).toBe(now < until ? 'address_blocked' : 'wrong');
            if (now < until) continue;
            failures.push(now);
            if (failures.filter((at) => at > now - HOUR).length < 5) continue;
            const nth = begun.filter((at) => at > now - 24 * HOUR).length + 1;
            begun.push(now);
            until = now + Math.min(86_400, 300 * 2 ** (nth - 1)) * SECOND;
          }
        }
      }),
      { numRuns: 12 },
    );
  });
});

describe('at the same instant', () => {
  it('[ASVS 2.4.1, 6.3.1] of 50 attempts from one address no more than five are looked at', async () => {
    const address = anAddress();
    let looked = 0;
    const all = await Promise.allSettled(
      Array.from({ length: 50 }, () =>
        shield.guessing.check({ address, account: anAccount() }, async () => {
          looked += 1;
          await sleep(50);
          return null;
        }),
      ),
    );
    expect(looked).toBe(5);
    expect(all.filter(({ status }) => status === 'rejected')).toHaveLength(45);
    const blocks = await database.admin.query('select 1 from blocks where value = $1', [address]);
    expect(blocks.rows).toHaveLength(1);
  });

  it('of 50 codes of one factor from 50 addresses, on two servers, no more than five are looked at', async () => {
    const [other, account] = [await another(), anAccount()];
    let looked = 0;
    await Promise.allSettled(
      Array.from({ length: 50 }, (_, n) =>
        (n % 2 ? shield : other).guessing.check({ address: anAddress(), account, factor: 'totp' }, async () => {
          looked += 1;
          await sleep(20);
          return null;
        }),
      ),
    );
    expect(looked).toBe(5);
  });

  it('an attempt whose verdict never comes counts as a failure: after a crash nobody has guesses for free', async () => {
    const address = anAddress();
    await shield.wrong(4, { address, account: anAccount() });
    await shield.guessing.reserve({ address, account: anAccount() });
    expect(await shield.guess({ address, account: anAccount() })).toBe('too_many_requests');
    shield.clock.advance(60 * SECOND);
    expect(await (await another()).guess({ address, account: anAccount() })).toBe('address_blocked');
  });

  it('an attempt that ends without a verdict leaves no trace', async () => {
    const address = anAddress();
    for (let n = 0; n < 10; n += 1) {
      const failing = shield.guessing.check({ address, account: anAccount() }, () => Promise.reject(new Error('full')));
      await expect(failing).rejects.toThrow('full');
    }
    expect(await shield.right({ address, account: anAccount() })).toBe('right');
    const attempt = await shield.guessing.reserve({ address });
    await attempt.failed();
    await expect(attempt.succeeded()).rejects.toThrow('one verdict');
  });
});

describe('servers on one database', () => {
  it('agree on a block within a second, and a started one knows what was before', async () => {
    const [address, other] = [anAddress(), await another()];
    await shield.wrong(2, { address, account: anAccount() });
    await other.wrong(3, { address, account: anAccount() });
    const deadline = Date.now() + 1_000;
    while (!shield.blocks.of(address) && Date.now() < deadline) await sleep(10);
    expect(shield.blocks.of(address)).toMatchObject({ value: address });
    expect((await another()).blocks.of(address)).toMatchObject({ value: address });

    const [lifted] = await shield.blocks.lift(address, { kind: 'cli', id: 'cli:0', label: null });
    expect(lifted?.value).toBe(address);
    const again = Date.now() + 1_000;
    while (other.blocks.of(address) && Date.now() < again) await sleep(10);
    expect(other.blocks.of(address)).toBeUndefined();
  });

  it('a lifted block forgives what led to it, is recorded, and cannot be lifted twice', async () => {
    const address = anAddress();
    const by = { kind: 'cli', id: 'cli:4711', label: null } as const;
    await shield.wrong(5, { address, account: anAccount() });
    const id = shield.blocks.of(address)?.id ?? '';
    expect((await shield.blocks.list()).map((block) => block.id)).toContain(id);
    await shield.blocks.lift(id, by);
    await expect(shield.blocks.lift(id, by)).rejects.toMatchObject({ code: 'not_found' });
    const events = await database.admin.query(
      `select actor_id from audit_events where event = 'block.lifted' and resource_id = $1`,
      [id],
    );
    expect(events.rows).toEqual([{ actor_id: 'cli:4711' }]);
    shield.clock.advance(1);
    await shield.wrong(4, { address, account: anAccount() });
    expect(shield.blocks.of(address)).toBeUndefined();
    await shield.wrong(1, { address, account: anAccount() });
    expect(shield.blocks.of(address)).toMatchObject({ evidence: { nth: 1 } });
  });

  it('when notices were missed, everything is read again', async () => {
    const [address, other] = [anAddress(), await another()];
    // The listening connections of both are cut, and the block comes while nobody listens.
    await database.admin.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query like 'listen%'`,
    );
    await shield.wrong(5, { address, account: anAccount() });
    const deadline = Date.now() + 10_000;
    while (!other.blocks.of(address) && Date.now() < deadline) await sleep(50);
    expect(other.blocks.of(address)).toMatchObject({ value: address });
  });
});

describe('an account', () => {
  it('makes strangers wait longer and longer, from whichever address', async () => {
    const account = anAccount();
    for (let n = 0; n < 10; n += 1) await shield.wrong(1, { address: anAddress(), account });
    expect(await shield.right({ address: anAddress(), account })).toBe('too_many_requests');
    shield.clock.advance(SECOND);
    await shield.wrong(1, { address: anAddress(), account });
    shield.clock.advance(2 * SECOND - 1);
    expect(await shield.right({ address: anAddress(), account })).toBe('too_many_requests');
    shield.clock.advance(1);
    expect(await shield.right({ address: anAddress(), account })).toBe('right');
    // The right password ends the row of wrong ones.
    await shield.wrong(1, { address: anAddress(), account });
    expect(await shield.right({ address: anAddress(), account: account.toUpperCase() })).toBe('right');
  });

  it('takes no password after 100 wrong ones in a row, right or wrong, until it is recovered', async () => {
    const account = anAccount();
    await shield.botnet(99, account);
    shield.clock.advance(60 * SECOND);
    expect(await shield.guess({ address: anAddress(), account })).toBe('wrong');
    shield.clock.advance(HOUR);
    expect(await shield.right({ address: anAddress(), account })).toBe('recovery_needed');
    expect(await shield.guess({ address: anAddress(), account })).toBe('recovery_needed');
    await shield.guessing.recovered(account);
    expect(await shield.right({ address: anAddress(), account })).toBe('right');
  });

  it('[ASVS 6.3.1] whose browser its owner signed in with before lets them in while strangers guess, however often', async () => {
    const account = anAccount();
    const home = anAddress();
    const deviceCookie = await shield.guessing.rememberBrowser(account, undefined);
    await shield.botnet(100, account);
    expect(await shield.right({ address: home, account })).toBe('recovery_needed');
    expect(await shield.right({ address: home, account, deviceCookie })).toBe('right');
    // What strangers did is not forgotten by that.
    expect(await shield.right({ address: home, account })).toBe('recovery_needed');
  });

  it('counts a browser on its own: a stolen cookie is worth ten guesses and another account’s is worth nothing', async () => {
    const [account, victim] = [anAccount(), anAccount()];
    const mine = await shield.guessing.rememberBrowser(account, undefined);
    await shield.botnet(100, victim);
    expect(await shield.right({ address: anAddress(), account: victim, deviceCookie: mine })).toBe('recovery_needed');
    const stolen = await shield.guessing.rememberBrowser(victim, undefined);
    for (let n = 0; n < 10; n += 1)
      await shield.wrong(1, { address: anAddress(), account: victim, deviceCookie: stolen });
    expect(await shield.right({ address: anAddress(), account: victim, deviceCookie: stolen })).toBe('recovery_needed');
    for (const garbage of ['', 'vtc_', `vtc_${'A'.repeat(43)}`, 'x'.repeat(5_000)])
      expect(await shield.right({ address: anAddress(), account: victim, deviceCookie: garbage })).toBe(
        'recovery_needed',
      );
  });

  it('keeps a good cookie, knows at most twenty browsers, and none for longer than 180 days unused', async () => {
    const account = anAccount();
    const first = await shield.guessing.rememberBrowser(account, undefined);
    expect(await shield.guessing.rememberBrowser(account, first)).toBeUndefined();
    shield.clock.advance(180 * 24 * HOUR);
    expect(await shield.guessing.rememberBrowser(account, first)).not.toBeUndefined();
    for (let n = 0; n < 30; n += 1) {
      shield.clock.advance(1);
      await shield.guessing.rememberBrowser(account, undefined);
    }
    const known = await database.admin.query(
      'select account, count(*)::int as n from device_cookies group by 1 having count(*) > 20',
    );
    expect(known.rows).toEqual([]);
  });

  it('is kept under a keyed name: no address that was tried stands anywhere, nor a plain hash of it', async () => {
    await shield.wrong(1, { address: anAddress(), account: 'Someone.Private@Example.org' });
    const { rows } = await database.admin.query(
      `select sha256('someone.private@example.org')::text as plain, (select string_agg(t::text, ' ') from guess_attempts t) as attempts,
         (select string_agg(t::text, ' ') from guess_accounts t) as accounts`,
    );
    const text = `${rows[0].attempts} ${rows[0].accounts}`;
    expect(text.toLowerCase()).not.toContain('private');
    expect(text).not.toContain(rows[0].plain);
  });
});

describe('a second factor', () => {
  it('[ASVS 6.6.3] of one kind is looked at five times an hour for the account, wherever it comes from', async () => {
    const account = anAccount();
    const code = (factor: 'totp' | 'recovery_code' = 'totp') => ({ address: anAddress(), account, factor });
    for (let n = 0; n < 5; n += 1) {
      await shield.wrong(1, code());
      // Whoever has the password gets no more codes by giving it again.
      expect(await shield.right({ address: anAddress(), account })).toBe('right');
      shield.clock.advance(SECOND);
    }
    expect(await shield.right(code())).toBe('too_many_requests');
    expect(await shield.right(code('recovery_code'))).toBe('right');
    shield.clock.advance(HOUR - 5 * SECOND - 1);
    expect(await shield.right(code())).toBe('too_many_requests');
    shield.clock.advance(1);
    expect(await shield.right(code())).toBe('right');
  });

  it('of the owner’s browser has five of its own, so that who knows the password cannot keep them out', async () => {
    const account = anAccount();
    const deviceCookie = await shield.guessing.rememberBrowser(account, undefined);
    for (let n = 0; n < 5; n += 1) await shield.wrong(1, { address: anAddress(), account, factor: 'totp' });
    expect(await shield.right({ address: anAddress(), account, factor: 'totp', deviceCookie })).toBe('right');
    for (let n = 0; n < 5; n += 1)
      await shield.wrong(1, { address: anAddress(), account, factor: 'totp', deviceCookie });
    expect(await shield.right({ address: anAddress(), account, factor: 'totp', deviceCookie })).toBe(
      'too_many_requests',
    );
  });
});

it('what no rule looks at any more is removed, what still counts is not', async () => {
  const [address, account] = [anAddress(), anAccount()];
  await shield.botnet(100, account);
  await shield.wrong(5, { address, account: anAccount() });
  const [job] = shieldJobs({ transactions: shield.transactions, clock: shield.clock });
  const count = async (table: string) => (await database.admin.query(`select 1 from ${table}`)).rows.length;
  await job?.run(new AbortController().signal);
  expect(await count('guess_attempts')).toBeGreaterThanOrEqual(5);
  shield.clock.advance(91 * 24 * HOUR);
  await job?.run(new AbortController().signal);
  for (const table of ['guess_attempts', 'blocks', 'suspicious_addresses', 'refused_tokens'])
    expect([table, await count(table)]).toEqual([table, 0]);
  expect(await shield.right({ address, account })).toBe('recovery_needed');
});
