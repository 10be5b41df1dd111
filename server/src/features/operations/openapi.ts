import {
  type Access,
  type Audit,
  type Endpoint,
  endpoints,
  problemBody,
  problems,
  type RateClass,
} from '@valtronics/contract';
import { z } from 'zod';

/** OpenAPI 3.1 of the whole HTTP interface, derived from the contract, so it cannot say anything the server does not do. */
export function openApi(): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [operationId, endpoint] of Object.entries(endpoints)) {
    const path = `${endpoint.root ? '' : '/api/v1'}${endpoint.path}`;
    paths[path] = { ...paths[path], [endpoint.method.toLowerCase()]: operation(operationId, endpoint) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Valtronics', version: '1', license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    paths,
    components: {
      schemas: { Problem: jsonSchema(problemBody, 'output') },
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'Access token of a person, or token of a device' },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: '__Host-valtronics',
          description: 'Session of a browser; writes also need a matching Origin',
        },
        bouncer: { type: 'apiKey', in: 'header', name: 'X-Api-Key', description: 'Key of a firewall elsewhere' },
      },
    },
  };
}

function operation(operationId: string, endpoint: Endpoint) {
  const status = endpoint.response === 'redirect' ? '302' : String(endpoint.status ?? 200);
  return {
    operationId,
    summary: endpoint.summary,
    tags: [endpoint.path.split('/')[1] ?? ''],
    security: securityOf(endpoint.access),
    parameters: [...parameters(endpoint.params, 'path'), ...parameters(endpoint.query, 'query')],
    ...(endpoint.body
      ? {
          requestBody: {
            required: true,
            content: {
              [endpoint.form ? 'application/x-www-form-urlencoded' : 'application/json']: {
                schema: jsonSchema(endpoint.body, 'input'),
              },
            },
          },
        }
      : {}),
    responses: {
      [status]:
        typeof endpoint.response === 'string'
          ? { description: endpoint.response === 'redirect' ? 'Go on there' : 'Done' }
          : {
              description: 'Done',
              content: { 'application/json': { schema: jsonSchema(endpoint.response, 'output') } },
            },
      default: {
        description: 'A problem (RFC 9457)',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
    'x-access': accessText(endpoint.access),
    'x-rate': endpoint.rate,
    'x-audit': auditText(endpoint.audit),
  };
}

function securityOf({ kind }: Access) {
  if (kind === 'open') return [];
  return kind === 'bouncer' ? [{ bouncer: [] }] : [{ token: [] }, { session: [] }];
}

function parameters(schema: z.ZodObject | undefined, where: 'path' | 'query') {
  if (!schema) return [];
  const json = jsonSchema(schema, 'input') as { properties?: Record<string, unknown>; required?: string[] };
  return Object.entries(json.properties ?? {}).map(([name, property]) => ({
    name,
    in: where,
    required: where === 'path' || (json.required ?? []).includes(name),
    schema: property,
  }));
}

/** `input`: what a client writes; `output`: what it reads. They differ where a query's text becomes a number. */
function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): unknown {
  const { $schema: _dialect, ...json } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Record<
    string,
    unknown
  >;
  return json;
}

export function accessText(access: Access): string {
  if (access.kind === 'open') return `open: ${access.why}`;
  if (access.kind === 'device') return 'a device';
  if (access.kind === 'bouncer') return 'a firewall, by its key';
  const who =
    access.kind === 'signedIn'
      ? 'signed in'
      : access.orDevice
        ? `${access.permission}, or a device for itself`
        : access.permission;
  // What is not the rule is said: keys pass by a permission, and not where a fresh proof is asked for.
  const keys =
    access.orKey === (access.kind === 'needs' && !access.stepUp)
      ? ''
      : access.orKey
        ? '; API keys too'
        : '; no API keys';
  return `${who}${access.stepUp ? '; proven in the last five minutes' : ''}${keys}`;
}
export function auditText(audit: Audit): string {
  if (audit.kind === 'records') return audit.event;
  if (audit.kind === 'unaudited') return `nothing: ${audit.why}`;
  return `${audit.event}, once a minute${audit.of === 'health' ? ', where devices of class health are read' : ''}`;
}

export const rateText: Readonly<Record<RateClass, string>> = {
  login: '1 a second, burst 5, per address',
  api: '100 a second, burst 200, per person (10, burst 20, per address when not signed in)',
  reveal: '1 in 5 seconds, burst 20, per person',
  ingest: '100 messages a second, burst 1,000, per device',
  none: 'only the coarse limit of the address',
};

export const problemTable = Object.entries(problems).map(([code, { status, title }]) => ({ code, status, title }));
