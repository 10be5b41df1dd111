import type { SecurityEventBody } from '@valtronics/contract';
import { describe, expect, it } from 'vitest';
import { eventFilter, matches } from './event-filter.ts';

const event: SecurityEventBody = {
  id: '019af000-0000-7000-8000-000000000001',
  at: '2026-01-01T12:00:00.000Z',
  ofInstance: true,
  category: 'authentication',
  action: 'session.refused',
  outcome: 'failure',
  level: 'warning',
  transport: 'http',
  address: '203.0.113.7',
  user: null,
  deviceId: null,
  http: null,
  requestId: null,
  reason: null,
  count: 1,
  details: {},
};
const asked = (search: string) => {
  const params = new URLSearchParams(search);
  return eventFilter((key) => params.get(key) ?? undefined);
};

describe('the filter of security events', () => {
  it('leaves out what the server would not understand', () => {
    expect(asked('address=203.0&level=loud&from=yesterday&deviceId=x&category=incident')).toMatchObject({
      address: undefined,
      level: undefined,
      from: undefined,
      deviceId: undefined,
      category: 'incident',
    });
  });

  it('takes in what is heard as the list would', () => {
    for (const fits of [
      '',
      'address=203.0.113.7&outcome=failure',
      'address=203.0.113.0/24',
      'from=2026-01-01T12:00:00Z',
      'action=session.refused',
    ])
      expect([fits, matches(event, asked(fits))]).toEqual([fits, true]);
    for (const other of [
      'address=203.0.113.8',
      'address=203.0.112.0/24',
      'address=2001:db8::/32',
      'level=info',
      'userId=ann',
      'to=2026-01-01T12:00:00Z',
      'detectionId=019af000-0000-7000-8000-000000000002',
    ])
      expect([other, matches(event, asked(other))]).toEqual([other, false]);
  });
});
