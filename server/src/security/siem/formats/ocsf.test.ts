import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anySecurityEvent, aSecurityEvent } from '../siem.builders.ts';
import { ocsfOf } from './ocsf.ts';

// What version 1.9.0 of the schema requires of the classes and objects we use: attributes, and of which at least one must be there.

interface Requirement {
  readonly required: readonly string[];
  readonly oneOf?: readonly string[];
  /** Attributes that are objects, or lists of them. */
  readonly objects?: Readonly<Record<string, string>>;
}
const base = ['activity_id', 'category_uid', 'class_uid', 'metadata', 'severity_id', 'time', 'type_uid'];
const ends = { src_endpoint: 'endpoint', metadata: 'metadata', http_request: 'http_request' };
const classes: Readonly<Record<number, Requirement & { category: number; activities: readonly number[] }>> = {
  3002: {
    category: 3,
    activities: [0, 1, 2, 3, 4, 5, 6, 7, 99],
    required: [...base, 'user'],
    oneOf: ['service', 'dst_endpoint'],
    objects: { ...ends, user: 'user', service: 'entity' },
  },
  6003: {
    category: 6,
    activities: [0, 1, 2, 3, 4, 99],
    required: [...base, 'actor', 'api', 'src_endpoint'],
    objects: { ...ends, actor: 'actor', api: 'api', resources: 'entity' },
  },
  2004: {
    category: 2,
    activities: [0, 1, 2, 3, 99],
    required: [...base, 'finding_info'],
    objects: { ...ends, finding_info: 'finding_info', evidences: 'evidence', resources: 'entity' },
  },
};
const objects: Readonly<Record<string, Requirement>> = {
  metadata: { required: ['product', 'version'], objects: { product: 'product' } },
  product: { required: ['name'] },
  entity: { required: [], oneOf: ['name', 'uid'] },
  user: { required: [], oneOf: ['account', 'name', 'uid'] },
  actor: { required: [], oneOf: ['process', 'user', 'session', 'app_name', 'app_uid'], objects: { user: 'user' } },
  endpoint: {
    required: [],
    oneOf: ['ip', 'uid', 'name', 'hostname', 'instance_uid', 'interface_uid', 'interface_name'],
  },
  api: { required: ['operation'], objects: { service: 'entity', request: 'request' } },
  request: { required: ['uid'] },
  http_request: { required: [], objects: { url: 'url' } },
  url: { required: [], oneOf: ['path', 'url_string'] },
  finding_info: { required: ['uid', 'title'], objects: { analytic: 'analytic', attacks: 'attack' } },
  analytic: { required: ['type_id'], oneOf: ['name', 'uid'] },
  attack: { required: [], oneOf: ['tactic', 'technique', 'sub_technique'], objects: { technique: 'entity' } },
  evidence: { required: [], oneOf: ['actor', 'src_endpoint'], objects: { actor: 'actor', src_endpoint: 'endpoint' } },
};

function faultsOf(value: unknown, rule: Requirement | undefined, path: string): string[] {
  if (rule === undefined) return [`${path}: unknown`];
  if (typeof value !== 'object' || value === null) return [`${path}: not an object`];
  const object = value as Record<string, unknown>;
  const missing = rule.required.filter((name) => object[name] === undefined || object[name] === null);
  const none =
    rule.oneOf && !rule.oneOf.some((name) => object[name] !== undefined) ? [`${path}: none of ${rule.oneOf}`] : [];
  const inner = Object.entries(rule.objects ?? {}).flatMap(([name, kind]) => {
    const found = object[name];
    const all = found === undefined ? [] : Array.isArray(found) ? found : [found];
    return all.flatMap((one) => faultsOf(one, objects[kind], `${path}.${name}`));
  });
  return [...missing.map((name) => `${path}.${name} is missing`), ...none, ...inner];
}

describe('OCSF', () => {
  it('holds everything its version requires, of every event there can be', () => {
    const seen = new Set<number>();
    fc.assert(
      fc.property(anySecurityEvent(), (event) => {
        const found = ocsfOf(event) as Record<string, number>;
        const { class_uid: classUid = 0, activity_id: activity = -1, severity_id: severity = -1 } = found;
        const rule = classes[classUid];
        seen.add(classUid);
        expect(faultsOf(found, rule, String(classUid))).toEqual([]);
        expect(found.category_uid).toBe(rule?.category);
        expect(rule?.activities).toContain(activity);
        expect(found.type_uid).toBe(classUid * 100 + activity);
        expect([1, 3, 4, 5]).toContain(severity);
        expect(found.time).toBe(event.at.getTime());
        expect(found.metadata).toMatchObject({ version: '1.9.0', uid: event.id });
      }),
    );
    expect([...seen].sort()).toEqual([2004, 3002, 6003]);
  });

  it('says which class, activity and outcome it is', () => {
    expect(ocsfOf(aSecurityEvent())).toMatchObject({
      class_uid: 3002,
      activity_id: 1,
      status_id: 2,
      status_detail: 'unauthenticated',
    });
    expect(ocsfOf(aSecurityEvent({ action: 'session.ended', outcome: 'success' }))).toMatchObject({
      activity_id: 2,
      status_id: 1,
    });
    const refused = {
      category: 'authorization',
      action: 'access.refused',
      http: { method: 'DELETE', route: '/devices/{id}', status: 403 },
    } as const;
    expect(ocsfOf(aSecurityEvent(refused))).toMatchObject({
      class_uid: 6003,
      activity_id: 4,
      api: { operation: 'DELETE /devices/{id}' },
      http_response: { code: 403 },
    });
    const raised = {
      category: 'incident',
      action: 'detection.raised',
      reason: 'brute_force',
      details: { technique: 'T1110' },
    } as const;
    expect(ocsfOf(aSecurityEvent(raised))).toMatchObject({
      class_uid: 2004,
      finding_info: { title: 'brute_force', attacks: [{ technique: { uid: 'T1110' } }] },
      evidences: [{ src_endpoint: { ip: '203.0.113.9' } }],
    });
  });
});
