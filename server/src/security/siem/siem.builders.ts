import { auditEvents, securityActions, securityCategories, securityLevels } from '@valtronics/contract';
import fc from 'fast-check';
import { newId } from '../../lib/ids.ts';
import type { SecurityEvent } from '../events/security-event.ts';

export const aSecurityEvent = (overrides: Partial<SecurityEvent> = {}): SecurityEvent => ({
  id: newId(),
  at: new Date('2026-11-29T10:00:00.123Z'),
  organisationId: 7,
  category: 'authentication',
  action: 'session.refused',
  outcome: 'failure',
  level: 'warning',
  transport: 'http',
  address: '203.0.113.9',
  user: { id: 'c0ffee00-0000-4000-8000-000000000001', label: 'ada@example.org' },
  deviceId: null,
  http: { method: 'POST', route: '/auth/login', status: 401 },
  requestId: 'r-1',
  reason: 'unauthenticated',
  count: 1,
  details: {},
  ...overrides,
});

/** Whatever the table admits: texts with everything in them that some format gives a meaning to, up to the length that fits. */
export function anySecurityEvent(): fc.Arbitrary<SecurityEvent> {
  const telling = fc.constantFrom(
    '|',
    '\\',
    '=',
    '\n',
    '\r',
    '"',
    ']',
    ' ',
    '\u0000',
    '\u001b',
    '\u2028',
    '\u202e',
    '\ud800',
    '🜁',
    'a=b c=d',
    'é',
  );
  const text = (maxLength: number) =>
    fc
      .array(fc.oneof({ weight: 3, arbitrary: telling }, { weight: 2, arbitrary: fc.string({ maxLength: 20 }) }), {
        maxLength: 80,
        size: 'max',
      })
      .map((parts) => parts.join('').slice(0, maxLength));
  const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
  const actions = [...Object.keys(securityActions), ...Object.keys(auditEvents)] as SecurityEvent['action'][];
  return fc.record({
    id: fc.uuid(),
    at: fc.date({ min: new Date('2000-01-01'), max: new Date('2100-01-01'), noInvalidDate: true }),
    organisationId: orNull(fc.integer({ min: 1, max: 1e6 })),
    category: fc.constantFrom(...securityCategories),
    action: fc.constantFrom(...actions),
    outcome: fc.constantFrom('success', 'failure', 'unknown'),
    level: fc.constantFrom(...securityLevels),
    transport: fc.constantFrom('http', 'mqtt', 'websocket', 'cli', 'system'),
    address: orNull(fc.oneof(fc.ipV4(), fc.ipV6())),
    user: orNull(fc.record({ id: text(80), label: orNull(text(254)) })),
    deviceId: orNull(fc.uuid()),
    http: orNull(
      fc.record({
        method: fc.constantFrom('GET', 'POST', 'PATCH', 'DELETE', 'PROPFIND'),
        route: text(300),
        status: orNull(fc.integer({ min: 100, max: 599 })),
      }),
    ),
    requestId: orNull(text(80)),
    reason: orNull(text(80)),
    count: fc.integer({ min: 1, max: 1e6 }),
    details: fc.dictionary(text(40), fc.oneof(text(4_000), fc.integer(), fc.array(text(200), { maxLength: 30 })), {
      maxKeys: 8,
    }),
  });
}
