import { describe, expect, it } from 'vitest';
import type { SessionRow } from './session.repository.ts';
import { createSessionLog } from './session-log.ts';

const aRow = (horizon: number, own: Partial<SessionRow> = {}): SessionRow => ({
  session_id: 's',
  user_id: 'u',
  organisation_id: 1,
  role: 'user',
  custom_permissions: null,
  role_requires_factor: false,
  device_scope: 'all',
  email: 'someone@example.org',
  status: 'active',
  authorization_version: 1,
  last_seen_at: new Date(),
  idle_expires_at: new Date(),
  absolute_expires_at: new Date(),
  verified_at: new Date(),
  factor: 'password',
  must_change_password: false,
  has_factor: false,
  has_passkey: false,
  horizon: String(horizon),
  era: 'an era',
  ...own,
});
const news = (horizon: number, changes: Record<string, number> = {}, next = horizon) => ({
  era: 'an era',
  horizon: BigInt(horizon),
  next: BigInt(next),
  changes: Object.entries(changes).map(([subject, transaction]) => [subject, String(transaction)] as const),
});

describe('what is known of changes to sessions', () => {
  it('knows no row to be current before the first news, nor one read before them', () => {
    const log = createSessionLog();
    expect(log.isCurrent(aRow(100))).toBe(false);
    log.add(news(100), true);
    expect([99, 100, 101].map((horizon) => log.isCurrent(aRow(horizon)))).toEqual([false, true, true]);
    expect(log.since).toBe(100n);
  });

  it.each(['session:s', 'user:u', 'role:1:user'])(
    'of %s refuses every row its transaction may be missing from',
    (subject) => {
      const log = createSessionLog();
      log.add(news(100), true);
      log.add(news(110, { [subject]: 105 }), true);
      expect([100, 105, 106, 110].map((horizon) => log.isCurrent(aRow(horizon)))).toEqual([false, false, true, true]);
    },
  );

  it('keeps the latest change of each, in whichever order they are heard', () => {
    const log = createSessionLog();
    log.add(news(100), true);
    log.add(news(100, { 'session:s': 109 }, 110), true);
    log.add(news(100, { 'session:s': 103 }, 111), true);
    expect([108, 109, 110].map((horizon) => log.isCurrent(aRow(horizon)))).toEqual([false, false, true]);
  });

  it('leaves the sessions of others alone', () => {
    const log = createSessionLog();
    log.add(news(100), true);
    log.add(news(110, { 'session:t': 105, 'user:v': 105, 'role:2:user': 105, 'role:1:admin': 105 }), true);
    expect(log.isCurrent(aRow(100))).toBe(true);
  });

  it('what it forgets counts as a change of everything', () => {
    const log = createSessionLog();
    log.add(news(100), true);
    log.add(news(110, { 'session:t': 105 }), true);
    log.turn();
    expect(log.isCurrent(aRow(100))).toBe(true);
    log.turn();
    expect([100, 105, 106].map((horizon) => log.isCurrent(aRow(horizon)))).toEqual([false, false, true]);
  });

  it('news that are not whole count as a change of everything seen by then', () => {
    const log = createSessionLog();
    log.add(news(100), true);
    log.add(news(100, { 'session:t': 105 }, 120), false);
    expect([100, 119, 120].map((horizon) => log.isCurrent(aRow(horizon)))).toEqual([false, false, true]);
  });

  it('however many sessions change, it remembers a bounded number and believes nothing it could have forgotten', () => {
    const log = createSessionLog();
    log.add(news(100), true);
    const many = (from: number) =>
      Object.fromEntries(Array.from({ length: 30_000 }, (_, index) => [`session:${from + index}`, 200 + from + index]));
    log.add(news(100, { 'session:s': 150 }, 160), true);
    log.add(news(100, many(0)), true);
    log.add(news(100, many(30_000)), true);
    // Both turns are over by now, so the change of this session is not remembered; the row is refused all the same.
    expect([100, 150, 160].map((horizon) => log.isCurrent(aRow(horizon)))).toEqual([false, false, false]);
    expect(log.isCurrent(aRow(100_000))).toBe(true);
  });

  it('a row of another era is refused: there the same numbers name other transactions', () => {
    const log = createSessionLog();
    log.add(news(100), true);
    expect(log.isCurrent(aRow(200, { era: 'after a failover' }))).toBe(false);
  });
});
