import type { FastifyRequest } from 'fastify';
import { describe, expect, test } from 'vitest';
import { manualClock } from '../../lib/clock.ts';
import type { Principal } from '../access/principal.ts';
import type { SecurityReport } from '../events/security-event.ts';
import { createHttpReports } from './http-reports.ts';

const MIB = 1024 * 1024;
const clock = manualClock(Date.UTC(2026, 0, 1));
const request = (url: string, headers: Record<string, string> = {}) =>
  ({ id: 'r', url, method: 'GET', headers, is404: false, routeOptions: { url } }) as unknown as FastifyRequest;
const person = (userId: string) => ({ kind: 'user', userId, email: 'a@example.org', organisationId: 1 }) as Principal;

function heard() {
  const said: SecurityReport[] = [];
  const reports = createHttpReports({
    events: { report: (event) => said.push(event) },
    callerOf: () =>
      ({ address: '192.0.2.1', addressKey: '192.0.2.1', certificate: undefined, proven: undefined }) as never,
    clock,
  });
  return { reports, bytes: () => said.map(({ details, user }) => [user?.id, details?.bytes]) };
}

describe('what was carried away', () => {
  test('in one answer is told at once, and a small answer is no news', () => {
    const { reports, bytes } = heard();
    reports.served(MIB / 4, request('/api/v1/a'), person('one'));
    reports.served(MIB / 4 - 1, request('/api/v1/a'), person('one'));
    expect(bytes()).toEqual([['one', MIB / 4]]);
  });

  test('page by page is told once it comes to 4 MiB, of each person alone, whatever they asked for', () => {
    const { reports, bytes } = heard();
    for (let page = 0; page < 100; page += 1) {
      reports.served(100_000, request(`/api/v1/${page % 7}`), person('one'));
      reports.served(10_000, request('/api/v1/a'), person('other'));
    }
    const told = bytes();
    expect(told.map(([who]) => who)).toEqual(['one', 'one']);
    for (const [, many] of told) expect(many).toBe(Math.ceil((4 * MIB) / 100_000) * 100_000);
  });

  test('an hour after the last page it begins anew', () => {
    const { reports, bytes } = heard();
    for (let page = 0; page < 60; page += 1) {
      clock.advance(3_600_000);
      reports.served(100_000, request('/api/v1/a'), person('one'));
    }
    expect(bytes()).toEqual([]);
  });
});
