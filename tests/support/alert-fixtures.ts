import { randomUUID } from 'node:crypto';
import type { AlertRuleInput, Value } from '@valtronics/contract';
import type { CommittedFlush, SeriesKey } from '../../server/src/features/telemetry/committed.ts';
import type { UserPrincipal } from '../../server/src/security/access/principal.ts';
import type { TestDatabase } from './database.ts';
import { aUserPrincipal } from './principals.ts';

// Builders for what alerts are made of, written past row-level security by the superuser of the test's database.

export async function anOrganisation({ admin }: TestDatabase): Promise<number> {
  const { rows } = await admin.query<{ id: number }>(
    `insert into organisations (public_id, name) values ($1, 'Test') returning id`,
    [randomUUID()],
  );
  return rows[0]?.id ?? 0;
}

export async function aUser({ admin }: TestDatabase, organisationId: number, name = 'Ann'): Promise<UserPrincipal> {
  const userId = randomUUID();
  const email = `${userId}@example.org`;
  await admin.query(
    `insert into users (id, organisation_id, email, name, role, status) values ($1, $2, $3, $4, 'operator', 'active')`,
    [userId, organisationId, email, name],
  );
  return aUserPrincipal('operator', { userId, organisationId, email });
}

export async function aDevice(
  { admin }: TestDatabase,
  organisationId: number,
  { name = 'Freezer 3', type = 'temperature' } = {},
): Promise<string> {
  const id = randomUUID();
  await admin.query('insert into devices (id, organisation_id, name, type) values ($1, $2, $3, $4)', [
    id,
    organisationId,
    name,
    type,
  ]);
  return id;
}

export async function aSeries(
  { admin }: TestDatabase,
  organisationId: number,
  deviceId: string,
  metric = 'temperature',
): Promise<SeriesKey> {
  const { rows } = await admin.query<{ id: number }>(
    `insert into series (organisation_id, device_id, metric, value_type) values ($1, $2, $3, 'number') returning id`,
    [organisationId, deviceId, metric],
  );
  return {
    id: rows[0]?.id ?? 0,
    organisationId,
    deviceId,
    metric,
    valueType: 'number',
    unit: null,
    health: false,
  };
}

/** One group commit: `[seconds since 1970, value]` of one series. */
export function aFlush(
  series: SeriesKey,
  committedAtMs: number,
  ...points: (readonly [number, Value])[]
): CommittedFlush {
  return {
    journalId: randomUUID(),
    committedAtMs,
    points: points.map(([second, value]) => ({ series, atMicros: second * 1_000_000, value })),
  };
}

export const aRule = (fields: Partial<AlertRuleInput> = {}): AlertRuleInput => ({
  name: 'Too warm',
  metric: 'temperature',
  condition: 'gt',
  threshold: 8,
  severity: 'warning',
  ...fields,
});
