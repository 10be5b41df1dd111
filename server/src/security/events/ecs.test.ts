import { isIP } from 'node:net';
import { EcsFlat } from '@elastic/ecs';
import { auditEvents, securityActions, securityCategories, securityLevels } from '@valtronics/contract';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newId } from '../../lib/ids.ts';
import { completeEvent } from './complete-event.ts';
import { ecsLine, ecsOf } from './ecs.ts';
import type { SecurityEvent, SecurityReport } from './security-event.ts';

interface Field {
  readonly type: string;
  readonly allowed_values?: readonly { readonly name: string; readonly expected_event_types?: readonly string[] }[];
}
const known = EcsFlat as unknown as Readonly<Record<string, Field | undefined>>;

/** Every leaf by its dotted name; what lies in an object that takes any names is that object's own. */
function leavesOf(value: unknown, name = ''): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || known[name]?.type === 'object')
    return [[name, value]];
  return Object.entries(value).flatMap(([key, each]) => leavesOf(each, name === '' ? key : `${name}.${key}`));
}

const full: SecurityReport = {
  action: 'detection.raised',
  outcome: 'success',
  transport: 'http',
  address: '2001:db8::1',
  organisationId: 7,
  user: { id: 'u1', label: 'ann@example.org' },
  deviceId: newId(),
  http: { method: 'GET', route: '/x', status: 404 },
  requestId: 'r1',
  reason: 'scanning',
  details: { userAgent: 'curl', technique: 'T1595.003', more: { of: ['this'] } },
};
const at = new Date('2026-01-02T03:04:05.678Z');
const anEvent = (report: Partial<SecurityReport> = {}): SecurityEvent =>
  completeEvent({ ...full, ...report }, newId(), at);

describe('the document', () => {
  const actions = [...Object.keys(auditEvents), ...Object.keys(securityActions)] as SecurityReport['action'][];
  const events = [
    ...actions.map((action) => anEvent({ action })),
    ...actions.map((action) => completeEvent({ action, outcome: 'failure', transport: 'system' }, newId(), at)),
    ...securityCategories.flatMap((category) => securityLevels.map((level) => anEvent({ category, level }))),
    ...(['http', 'mqtt', 'websocket', 'cli', 'system'] as const).map((transport) => anEvent({ transport })),
  ];

  test('has no field that ECS does not know, and of each the type it has there', () => {
    for (const event of events) {
      for (const [name, value] of leavesOf(ecsOf(event))) {
        const field = known[name];
        expect(field, name).toBeDefined();
        const one = Array.isArray(value) ? value[0] : value;
        expect(typeof one, name).toBe(
          field?.type === 'long' ? 'number' : field?.type === 'object' ? 'object' : 'string',
        );
      }
    }
  });

  test('is categorised as ECS allows, with a type that it expects of the category', () => {
    const allowed = (name: string) => known[name]?.allowed_values ?? [];
    for (const event of events) {
      const said = ecsOf(event).event as { kind: string; category: [string]; type: [string]; outcome: string };
      const category = allowed('event.category').find((each) => each.name === said.category[0]);
      expect(category, said.category[0]).toBeDefined();
      expect(category?.expected_event_types, `${event.action} ${said.category[0]}`).toContain(said.type[0]);
      expect(allowed('event.kind').map((each) => each.name)).toContain(said.kind);
      expect(allowed('event.outcome').map((each) => each.name)).toContain(said.outcome);
    }
  });

  test('says all the event says', () => {
    expect(ecsOf(anEvent())).toMatchObject({
      '@timestamp': '2026-01-02T03:04:05.678Z',
      ecs: { version: '9.4.0' },
      message: '2001:db8::1 was detected',
      log: { level: 'info' },
      event: { kind: 'alert', category: ['intrusion_detection'], action: 'detection.raised', reason: 'scanning' },
      source: { ip: '2001:db8::1' },
      user: { id: 'u1', name: 'ann@example.org' },
      device: { id: full.deviceId },
      organization: { id: '7' },
      http: { request: { method: 'GET', id: 'r1' }, response: { status_code: 404 } },
      url: { path: '/x' },
      user_agent: { original: 'curl' },
      rule: { id: 'scanning' },
      threat: { technique: { id: ['T1595'], subtechnique: { id: ['T1595.003'] } } },
      related: { ip: ['2001:db8::1'], user: ['u1'] },
    });
  });

  const [whom, device] = [newId(), newId()];
  test.each([
    ['ip', '203.0.113.9', { threat: { indicator: { type: 'ipv4-addr', name: '203.0.113.9', ip: '203.0.113.9' } } }],
    ['ip', '2001:db8:0:7::/64', { threat: { indicator: { type: 'ipv6-addr', name: '2001:db8:0:7::/64' } } }],
    ['range', '203.0.113.0/24', { threat: { indicator: { type: 'ipv4-addr', name: '203.0.113.0/24' } } }],
    ['user', whom, { user: { id: 'u1', name: 'ann@example.org', target: { id: whom } } }],
    ['device', device, { device: { id: device } }],
  ] as const)('says whom a block of %s %s is about, where every SIEM looks', (scope, value, said) => {
    for (const action of ['block.created', 'block.lifted'] as const) {
      const by = { address: '192.0.2.1', deviceId: null, details: { scope, value } };
      const document = ecsOf(anEvent({ ...by, action }));
      expect(document).toMatchObject(said);
      // Who made it stays whoever made it.
      expect(document).toMatchObject({ source: { ip: '192.0.2.1' }, user: { id: 'u1' } });
      expect((document as { related: object }).related).toEqual({
        ip: value === '203.0.113.9' ? ['192.0.2.1', value] : ['192.0.2.1'],
        user: value === whom ? ['u1', value] : ['u1'],
      });
      for (const [name, each] of leavesOf(document)) {
        expect(known[name], name).toBeDefined();
        if (known[name]?.type === 'ip') for (const one of [each].flat()) expect(isIP(String(one)), name).not.toBe(0);
      }
    }
    // A machine's decision has neither address nor person, and says it all the same.
    const report = { action: 'block.created', outcome: 'success', transport: 'system' } as const;
    const { user: _, ...rest } = said as { user?: object };
    expect(ecsOf(completeEvent({ ...report, details: { scope, value } }, newId(), at))).toMatchObject(
      scope === 'user' ? { user: { target: { id: whom } } } : rest,
    );
    expect(
      JSON.stringify(ecsOf(anEvent({ action: 'path.unknown', deviceId: null, details: { scope, value } }))),
    ).not.toMatch(/"(indicator|target)"/);
  });

  test.each([
    ['failure', undefined, 'warning'],
    ['success', undefined, 'info'],
    ['success', 'critical', 'critical'],
  ] as const)('%s with level %s is %s', (outcome, level, said) => {
    const report = { action: 'path.unknown', outcome, transport: 'http', ...(level && { level }) } as const;
    expect(ecsOf(completeEvent(report, newId(), at))).toMatchObject({ log: { level: said } });
  });
});

describe('what a stranger chose', () => {
  const nasty = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 400 }),
    fc.constantFrom(
      '\n{"event":{"action":"forged"}}\n',
      '\r\n',
      '\u2028\u2029\u0085',
      '"},"event":{"action":"forged"},"x":"',
      '\u0000\u0007\u001b[2J\u009b',
      '\ud800',
      '\udc00 \ud800',
      '\u202e\u2066\ufeff',
      '@timestamp',
      '__proto__',
      'constructor',
      'x'.repeat(100_000),
      '\\u000a\\',
    ),
  );
  const report = fc.record({
    userId: nasty,
    label: nasty,
    method: nasty,
    route: nasty,
    requestId: nasty,
    reason: nasty,
    address: nasty,
    deviceId: nasty,
    details: fc.dictionary(
      nasty,
      fc.oneof(nasty, fc.array(nasty, { maxLength: 3 }), fc.dictionary(nasty, nasty, { maxKeys: 3 })),
      {
        maxKeys: 5,
      },
    ),
  });
  const hostile = (chosen: typeof report extends fc.Arbitrary<infer R> ? R : never): SecurityEvent =>
    completeEvent(
      {
        action: 'path.unknown',
        outcome: 'failure',
        transport: 'http',
        address: chosen.address,
        deviceId: chosen.deviceId,
        user: { id: chosen.userId, label: chosen.label },
        http: { method: chosen.method, route: chosen.route, status: 404 },
        requestId: chosen.requestId,
        reason: chosen.reason,
        details: chosen.details,
      },
      newId(),
      at,
    );

  test('forges neither a line nor a field, whatever it is', () => {
    const plain = anEvent({ action: 'path.unknown', outcome: 'failure', details: { userAgent: 'a' } });
    const names = new Set(leavesOf(ecsOf(plain)).map(([name]) => name));
    fc.assert(
      fc.property(report, (chosen) => {
        const line = ecsLine(hostile(chosen));
        expect(line.endsWith('}\n')).toBe(true);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: it is about them
        expect(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/.test(line.slice(0, -1))).toBe(
          false,
        );
        expect(line.isWellFormed()).toBe(true);
        const read = JSON.parse(line);
        for (const [name] of leavesOf(read)) expect(names.has(name) || known[name] !== undefined, name).toBe(true);
        for (const name of Object.keys(read.labels)) expect(['count', 'transport', 'details']).toContain(name);
        expect(read.event).toMatchObject({ action: 'path.unknown', outcome: 'failure', category: ['api'] });
        expect(read['@timestamp']).toBe('2026-01-02T03:04:05.678Z');
        expect(read.source).toBeUndefined();
        expect(line.length).toBeLessThan(40_000);
      }),
      { numRuns: 500 },
    );
  });

  test('keeps what is harmless as it is', () => {
    const event = anEvent({ http: { method: 'GET', route: '/ünï/日本', status: 404 } });
    expect(JSON.parse(ecsLine(event)).url.path).toBe('/ünï/日本');
  });

  test('that looks like a secret is taken out', () => {
    const line = ecsLine(
      anEvent({
        http: { method: 'GET', route: `/x/vtr_${'A'.repeat(43)}`, status: 404 },
        details: { password: 'hunter2' },
      }),
    );
    expect(line).not.toMatch(/AAAA|hunter2/);
  });
});
