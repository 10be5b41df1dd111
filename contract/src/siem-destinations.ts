import { z } from 'zod';
import { id, idParams, name, page, timestamp } from './common.ts';
import { endpoint } from './endpoint.ts';
import { field } from './fields.ts';
import { needs, records, unaudited, unseen } from './policy.ts';

export const siemKinds = ['syslog_tls', 'https', 'splunk_hec', 'elasticsearch_bulk', 'file'] as const;
export type SiemKind = (typeof siemKinds)[number];
export const siemFormats = ['ecs', 'ocsf', 'cef'] as const;
export type SiemFormat = (typeof siemFormats)[number];

const pem = z
  .string()
  .max(32_768)
  .regex(/^-----BEGIN [A-Z ]+-----\r?\n[A-Za-z0-9+/=\s-]+$/, 'PEM text');
const visibleText = (maximum: number) =>
  z
    .string()
    .regex(/^[\x21-\x7E]+$/, 'visible ASCII')
    .max(maximum);

/** What is known of a destination to whoever may see it; what opens doors elsewhere is not part of it. */
const settings = {
  name,
  format: z.enum(siemFormats),
  target: field(
    'siem_destinations.target',
    z
      .string()
      .trim()
      .min(1)
      .max(500)
      .describe('syslog_tls: host:port (6514 unless told); file: the name of a folder; else a URL'),
  ),
  batch: z.enum(['array', 'lines']).describe('https only: a JSON array, or one event a line'),
  index: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{0,99}$/, '1–100 of a–z 0–9 . _ -')
    .describe('elasticsearch_bulk: the data stream or index; splunk_hec: the index')
    .nullable(),
  serverName: z
    .string()
    .regex(/^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/, 'a host name')
    .nullable()
    .describe('whom the certificate of a syslog_tls receiver must name; null: the host of the target'),
  ca: pem.nullable().describe('authorities that may vouch for the receiver, PEM; null: those of the system'),
  clientCertificate: pem.nullable().describe('shown to the receiver (mutual TLS), PEM'),
  enabled: z.boolean(),
};

export const siemDelivery = z.strictObject({
  state: z.enum(['off', 'delivering', 'retrying']),
  eventsBehind: z.int().describe('not handed over yet; 100,000 stands for that many or more'),
  secondsBehind: z.number().describe('age of the oldest of them'),
  behindSince: timestamp.nullable().describe('when the oldest of them happened'),
  lastDeliveredAt: timestamp.nullable(),
  lastError: field('siem_destinations.last_error', z.string().nullable().describe('null once it goes well again')),
  lastErrorAt: timestamp.nullable(),
  nextAttemptAt: timestamp.nullable(),
  refusedEvents: z.int().describe('the receiver took everything beside these, which it will never take'),
  missedUntil: timestamp
    .nullable()
    .describe('events before this moment may have been removed by retention before they could be handed over'),
});
export type SiemDelivery = z.infer<typeof siemDelivery>;

export const siemDestination = z.strictObject({
  id,
  kind: z.enum(siemKinds),
  ...settings,
  hasSecret: z.boolean(),
  hasClientKey: z.boolean(),
  createdAt: timestamp,
  delivery: siemDelivery,
});
export type SiemDestination = z.infer<typeof siemDestination>;

const secrets = {
  secret: visibleText(1000).describe(
    'splunk_hec: its token; elasticsearch_bulk: an API key (base64). https gets one made for it',
  ),
  clientKey: pem.nullable().describe('private key of the client certificate, PEM; kept sealed and never shown'),
};

const withSecret = z.strictObject({
  destination: siemDestination,
  secret: z
    .string()
    .nullable()
    .describe('https: what the signatures are made with (Standard Webhooks); shown this once'),
});

const unseenSecret = unseen('body.secret', 'the receiver chose it; it is encrypted, and sent to that receiver only');

export const siemDestinationsList = endpoint({
  method: 'GET',
  path: '/siem-destinations',
  summary: 'Where security events are delivered, and how far',
  response: page(siemDestination),
  access: needs('system:admin'),
  rate: 'api',
  audit: unaudited('read by those who configure it; no secret is in the answer'),
});

export const siemDestinationGet = endpoint({
  method: 'GET',
  path: '/siem-destinations/{id}',
  summary: 'One destination of security events',
  params: idParams,
  response: siemDestination,
  access: needs('system:admin'),
  rate: 'api',
  audit: unaudited('read by those who configure it; no secret is in the answer'),
});

export const siemDestinationCreate = endpoint({
  method: 'POST',
  path: '/siem-destinations',
  summary: 'Deliver security events somewhere, from now on',
  bodyLimit: 131_072,
  body: z.strictObject({
    kind: z.enum(siemKinds),
    ...z.strictObject({ ...settings, ...secrets }).partial().shape,
    name,
    target: settings.target,
  }),
  response: withSecret,
  status: 201,
  inspection: [unseenSecret],
  freeText: ['name'],
  access: needs('system:admin', { stepUp: true }),
  rate: 'api',
  audit: records('siem_destination.created'),
});

export const siemDestinationChange = endpoint({
  method: 'PATCH',
  path: '/siem-destinations/{id}',
  summary: 'Change a destination; what was not handed over yet goes out the new way',
  params: idParams,
  bodyLimit: 131_072,
  body: z
    .strictObject({
      ...settings,
      ...secrets,
      renewSecret: z.literal(true).describe('https: make another secret, which is in the answer'),
    })
    .partial(),
  response: withSecret,
  inspection: [unseenSecret],
  freeText: ['name'],
  access: needs('system:admin', { stepUp: true }),
  rate: 'api',
  audit: records('siem_destination.changed'),
});

export const siemDestinationDelete = endpoint({
  method: 'DELETE',
  path: '/siem-destinations/{id}',
  summary: 'Deliver security events there no longer',
  params: idParams,
  response: 'empty',
  status: 204,
  access: needs('system:admin', { stepUp: true }),
  rate: 'api',
  audit: records('siem_destination.deleted'),
});

export const siemDestinationTest = endpoint({
  method: 'POST',
  path: '/siem-destinations/{id}/test',
  summary: 'Send one test event and tell what the receiver answered',
  params: idParams,
  response: z.strictObject({
    ok: z.boolean(),
    answer: z.string().describe('what the receiver answered, or why it could not be asked'),
    milliseconds: z.int(),
  }),
  access: needs('system:admin', { stepUp: true }),
  rate: 'api',
  audit: records('siem_destination.tested'),
});

export const siemDestinationBackfill = endpoint({
  method: 'POST',
  path: '/siem-destinations/{id}/backfill',
  summary: 'Deliver again everything from a moment on',
  params: idParams,
  body: z.strictObject({ from: timestamp }),
  response: z.strictObject({ events: z.int().describe('to be delivered; 100,000 stands for that many or more') }),
  status: 202,
  access: needs('system:admin', { stepUp: true }),
  rate: 'api',
  audit: records('siem_destination.backfilled'),
});
