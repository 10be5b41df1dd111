import { describe, expect, test } from 'vitest';
import { newId } from '../../lib/ids.ts';
import { createAggregation } from './aggregation.ts';
import { completeEvent } from './complete-event.ts';
import type { SecurityEvent, SecurityReport } from './security-event.ts';

let time = 0;
const anEvent = (report: Partial<SecurityReport> = {}): SecurityEvent =>
  completeEvent(
    { action: 'path.unknown', outcome: 'failure', transport: 'http', address: '192.0.2.1', ...report },
    newId(),
    new Date(),
  );
const path = (route: string) => ({ http: { method: 'GET', route, status: 404 } });
const total = (events: readonly SecurityEvent[]): number => events.reduce((sum, { count }) => sum + count, 0);

function anAggregation() {
  const lost: SecurityEvent[] = [];
  return {
    aggregation: createAggregation(
      () => time,
      (event) => lost.push(event),
    ),
    lost,
  };
}

describe('alike within a second', () => {
  test('the first is passed on at once, the rest follow as one with a count', () => {
    const { aggregation } = anAggregation();
    for (let n = 0; n < 100; n += 1) aggregation.add(anEvent(path('/a')));
    expect(aggregation.take().map(({ count }) => count)).toEqual([1]);
    expect(aggregation.isCounting).toBe(true);
    time += 999;
    expect(aggregation.take()).toEqual([]);
    time += 1;
    expect(aggregation.take().map(({ count }) => count)).toEqual([99]);
    expect(aggregation.isCounting).toBe(false);
  });

  test.each<[string, Partial<SecurityReport>, Partial<SecurityReport>]>([
    ['action', {}, { action: 'resource.missing' }],
    ['outcome', {}, { outcome: 'success' }],
    ['source', {}, { address: '192.0.2.2' }],
    ['person', {}, { user: { id: 'a', label: null } }],
    ['device', {}, { deviceId: newId() }],
    ['route', path('/a'), path('/b')],
    ['reason', {}, { reason: 'not_found' }],
    ['organisation', {}, { organisationId: 1 }],
    ['account', { details: { account: 'a' } }, { details: { account: 'b' } }],
  ])('another %s is another event', (_what, one, other) => {
    const { aggregation } = anAggregation();
    aggregation.add(anEvent(one));
    aggregation.add(anEvent(other));
    expect(aggregation.take().map(({ count }) => count)).toEqual([1, 1]);
  });

  test('a second later it is an event of its own again', () => {
    const { aggregation } = anAggregation();
    aggregation.add(anEvent());
    time += 1_000;
    aggregation.add(anEvent());
    expect(aggregation.take().map(({ count }) => count)).toEqual([1, 1]);
  });

  test('what is configured and what the machinery concludes is never merged', () => {
    const { aggregation } = anAggregation();
    for (let n = 0; n < 50; n += 1) aggregation.add(anEvent({ action: 'user.created', outcome: 'success' }));
    for (let n = 0; n < 50; n += 1) aggregation.add(anEvent({ action: 'detection.raised', outcome: 'success' }));
    expect(aggregation.take()).toHaveLength(100);
  });

  test('amounts are added up, not only counted', () => {
    const { aggregation } = anAggregation();
    for (let n = 0; n < 3; n += 1)
      aggregation.add(anEvent({ action: 'data.exported', outcome: 'success', details: { bytes: 1_000 } }));
    expect(aggregation.take(true).map(({ details }) => details.bytes)).toEqual([1_000, 2_000]);
  });
});

describe('under a flood that varies what it does', () => {
  test('one source makes few events, and every one of its requests is counted', () => {
    const { aggregation } = anAggregation();
    for (let n = 0; n < 10_000; n += 1) aggregation.add(anEvent(path(`/${n}`)));
    const events = aggregation.take(true);
    expect(events.length).toBeLessThanOrEqual(42);
    expect(total(events)).toBe(10_000);
    expect(events.at(-1)).toMatchObject({ address: '192.0.2.1', http: null, details: { merged: true } });
  });

  test('a hundred thousand addresses make a bounded number, and every request is counted', () => {
    const { aggregation, lost } = anAggregation();
    for (let n = 0; n < 100_000; n += 1)
      aggregation.add(anEvent({ address: `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`, ...path(`/${n}`) }));
    const events = aggregation.take(true);
    expect(events.length).toBeLessThanOrEqual(2_002);
    expect(total(events)).toBe(100_000);
    expect(lost).toEqual([]);
  });

  test('one caller of IPv6 is one source, however many addresses of its network it sends from', () => {
    const { aggregation } = anAggregation();
    for (let n = 0; n < 10_000; n += 1)
      aggregation.add(anEvent({ address: `2001:db8:0:1::${(n % 120).toString(16)}`, ...path(`/${n}`) }));
    aggregation.add(anEvent({ address: '203.0.113.5', user: { id: 'a', label: null }, organisationId: 7 }));
    const events = aggregation.take(true);
    expect(events.length).toBeLessThanOrEqual(43);
    expect(events).toContainEqual(expect.objectContaining({ address: '203.0.113.5', organisationId: 7, count: 1 }));
  });

  test('past what a second holds, whose it is still stands', () => {
    const { aggregation } = anAggregation();
    for (let n = 0; n < 3_000; n += 1)
      aggregation.add(anEvent({ address: `10.0.${n >> 8}.${n & 255}`, ...path(`/${n}`) }));
    for (const organisationId of [7, 7, 8])
      aggregation.add(anEvent({ address: '203.0.113.5', user: { id: 'a', label: null }, organisationId }));
    const ofOrganisations = aggregation.take(true).filter(({ organisationId }) => organisationId !== null);
    expect(ofOrganisations.map(({ organisationId, address, user }) => [organisationId, address, user])).toEqual([
      [7, null, null],
      [8, null, null],
      [7, null, null],
    ]);
    expect(total(ofOrganisations)).toBe(3);
  });

  describe('from one address, of which a scanner has used up the kinds', () => {
    function behindAScanner(...reports: Partial<SecurityReport>[]): SecurityEvent[] {
      const { aggregation } = anAggregation();
      for (let n = 0; n < 40; n += 1) aggregation.add(anEvent(path(`/${n}`)));
      for (const report of reports) aggregation.add(anEvent(report));
      return aggregation.take(true).slice(40);
    }
    const one = { user: { id: 'one', label: null } };

    test('what two people did is neither the first one’s nor a stranger’s', () => {
      const other = { user: { id: 'other', label: null } };
      const events = behindAScanner(path('/a'), { ...path('/b'), ...one }, { ...path('/c'), ...one }, other, {});
      expect(events.map(({ user, count, details }) => [user, count, details])).toEqual([
        [null, 1, { merged: true }],
        [one.user, 1, { merged: true }],
        [null, 1, { merged: true }],
        [null, 2, { merged: true, several: true }],
      ]);
    });

    test('what a browser was made to do is not the tool’s', () => {
      const events = behindAScanner({ details: { browser: true } }, {}, { ...path('/b'), details: { browser: true } });
      expect(events.map(({ count, details }) => [count, details])).toEqual([
        [1, { merged: true, browser: true }],
        [1, { merged: true }],
        [1, { merged: true, browser: true }],
      ]);
    });

    test('how much was carried away is not forgotten', () => {
      const taking = { action: 'data.exported', outcome: 'success', details: { bytes: 1_000 } } as const;
      expect(behindAScanner(taking, taking, taking).map(({ details }) => details)).toEqual([
        { merged: true, bytes: 1_000 },
        { merged: true, bytes: 2_000 },
      ]);
    });
  });

  test('what nobody takes is held up to its bound, then told as lost', () => {
    const { aggregation, lost } = anAggregation();
    for (let n = 0; n < 20_010; n += 1) aggregation.add(anEvent({ action: 'user.changed', outcome: 'success' }));
    expect(aggregation.take()).toHaveLength(20_000);
    expect(lost).toHaveLength(10);
  });
});
