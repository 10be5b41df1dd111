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
    expect(events.length).toBeLessThanOrEqual(22);
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

  test('what nobody takes is held up to its bound, then told as lost', () => {
    const { aggregation, lost } = anAggregation();
    for (let n = 0; n < 20_010; n += 1) aggregation.add(anEvent({ action: 'user.changed', outcome: 'success' }));
    expect(aggregation.take()).toHaveLength(20_000);
    expect(lost).toHaveLength(10);
  });
});
