import { telemetryTopics } from '@valtronics/contract';
import { expect, test } from 'vitest';
import { createTopicRoutes, ownTopics } from './topic-routes.ts';

const one = '0198c0de-0000-7000-8000-000000000001';
const other = '0198c0de-0000-7000-8000-000000000002';

function setUp() {
  const routes = createTopicRoutes();
  const route = { topic: telemetryTopics.metric, handler: async () => {} };
  routes.add(route);
  const topic = (deviceId: string, metric: string) =>
    telemetryTopics.metric.pattern.replace('{deviceId}', deviceId).replace('{metric}', metric);
  return { routes, route, topic };
}

test('what a connection published to before leads to the same place again, and for another device nowhere', () => {
  const { routes, route, topic } = setUp();
  const [own, others] = [ownTopics(one), ownTopics(other)];
  for (let time = 0; time < 3; time += 1) {
    expect(routes.match(topic(one, 'temperature'), own)).toEqual({
      kind: 'route',
      route,
      params: { metric: 'temperature' },
    });
    expect(routes.match(topic(one, 'humidity'), own)).toMatchObject({ params: { metric: 'humidity' } });
    expect(routes.match(topic(one, 'temperature'), others)).toEqual({ kind: 'foreign' });
    expect(routes.match(topic(other, 'temperature'), own)).toEqual({ kind: 'foreign' });
    expect(routes.match(`${topic(one, 'temperature')}/more`, own)).toEqual({ kind: 'undeclared' });
  }
});

test('a connection that makes up ever new topics is answered rightly and remembered for a few only', () => {
  const { routes, topic } = setUp();
  const own = ownTopics(one);
  for (let time = 0; time < 2; time += 1)
    for (let n = 0; n < 500; n += 1)
      expect(routes.match(topic(one, `m${n}`), own)).toMatchObject({ kind: 'route', params: { metric: `m${n}` } });
  expect(own.matched.size).toBe(64);
});
