import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { needs, open, unaudited } from './policy.ts';

const status = z.strictObject({
  status: z.enum(['ok', 'unavailable']),
  checks: z.record(z.string(), z.enum(['ok', 'unavailable'])).optional(),
});

export const healthLive = endpoint({
  method: 'GET',
  path: '/health/live',
  root: true,
  summary: 'Whether the process answers',
  response: status,
  access: open('orchestrators probe it without credentials; it says nothing but ok'),
  rate: 'none',
  audit: unaudited('a probe changes nothing'),
});

export const healthReady = endpoint({
  method: 'GET',
  path: '/health/ready',
  root: true,
  summary: 'Whether the database answers and writes are taken',
  response: status,
  access: open('orchestrators probe it without credentials; it names no cause'),
  rate: 'none',
  audit: unaudited('a probe changes nothing'),
});

export const metricsScrape = endpoint({
  method: 'GET',
  path: '/metrics',
  root: true,
  summary: 'Prometheus metrics; the scrape token or an administrator',
  response: 'raw',
  access: needs('system:admin'),
  rate: 'api',
  audit: unaudited('operational counters hold no personal data'),
});

export const openApiDocument = endpoint({
  method: 'GET',
  path: '/openapi.json',
  summary: 'This interface as OpenAPI 3.1',
  response: 'raw',
  access: open('the interface is public documentation'),
  rate: 'api',
  audit: unaudited('public documentation'),
});

export const docsPage = endpoint({
  method: 'GET',
  path: '/docs',
  root: true,
  summary: 'This interface as a readable page',
  response: 'raw',
  access: open('the interface is public documentation'),
  rate: 'api',
  audit: unaudited('public documentation'),
});
