import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anApp, type Person, type TestApp } from '../../../../tests/support/app.ts';
import { until } from '../alerts/alerts.builders.ts';

let app: TestApp;
let ann: Person;
beforeAll(async () => {
  app = await anApp();
  ann = await app.aPerson('admin');
}, 120_000);
afterAll(() => app?.stop());

const call = (method: string, path: string, body?: object, as = ann) =>
  app.call(method, `/api/v1/incidents${path}`, { token: as.accessToken, ...(body && { body }) });

describe('incidents over HTTP', () => {
  it('one from opening to the end of its clock, each step in the audit log', async () => {
    const { status, json } = await call('POST', '', { title: 'A stolen laptop', severity: 'high' });
    expect(status).toBe(201);
    const { id } = json;
    const steps: [string, object, string][] = [
      ['acknowledge', {}, 'incident.acknowledged'],
      ['assign', { ownerId: ann.userId }, 'incident.assigned'],
      ['severity', { severity: 'critical', note: 'patient data on it' }, 'incident.severity_changed'],
      ['breach', { note: 'not encrypted' }, 'incident.breach_flagged'],
      ['notes', { note: 'the police know' }, 'incident.noted'],
      ['contain', { note: 'wiped' }, 'incident.contained'],
      ['resolve', { note: 'replaced' }, 'incident.resolved'],
      ['breach/notified', { note: 'reference 17' }, 'incident.breach_notified'],
      ['reopen', { note: 'it was a copy' }, 'incident.reopened'],
    ];
    for (const [path, body] of steps)
      expect([path, (await call('POST', `/${id}/${path}`, body)).status]).toEqual([path, 200]);
    const { json: read } = await call('GET', `/${id}`);
    expect(read).toMatchObject({ status: 'acknowledged', severity: 'critical', owner: { label: ann.email } });
    expect(read.breach).toMatchObject({ notifiedBy: ann.email });
    expect(read.timeline.map(({ kind }: { kind: string }) => kind)).toEqual([
      'opened',
      'acknowledged',
      'assigned',
      'severity',
      'breach_flagged',
      'note',
      'contained',
      'resolved',
      'breach_notified',
      'reopened',
    ]);
    // Named to who reads it, and by the id in the database, where names and addresses are sealed.
    expect(read.timeline[2].note).toBe(`to ${ann.email}`);
    const kept = await app.database.admin.query('select note from incident_entries where incident_id = $1', [id]);
    expect(kept.rows).toContainEqual({ note: `to ${ann.userId}` });
    const { rows } = await app.database.admin.query<{ event: string }>(
      'select event from audit_events where resource_id = $1 order by at',
      [id],
    );
    expect(rows.map(({ event }) => event)).toEqual(['incident.reported', ...steps.map(([, , event]) => event)]);
  });

  it('opening one is a security event, of the category of incidents', async () => {
    const { json } = await call('POST', '', { title: 'A door left open', severity: 'medium' });
    const found = await until(async () => {
      const { rows } = await app.database.admin.query(
        `select category, level, action from security_events where details->>'incident' = $1`,
        [json.id],
      );
      return rows[0];
    });
    expect(found).toEqual({ category: 'incident', level: 'warning', action: 'incident.opened' });
  });

  it('the events behind a detection stand in the timeline, those that others may not see do not', async () => {
    const { json } = await call('POST', '', { title: 'Guessing', severity: 'low' });
    const other = await app.anotherOrganisation();
    const events = [randomUUID(), randomUUID(), randomUUID()];
    const organisations = [app.organisationId, null, other];
    for (const [index, event] of events.entries())
      await app.database.admin.query(
        `insert into security_events (id, at, organisation_id, category, action, outcome, level, transport, source_address, reason)
         values ($1, now(), $2, 'authentication', 'session.refused', 'failure', 'warning', 'http', '203.0.113.7', 'wrong_password')`,
        [event, organisations[index]],
      );
    await app.database.admin.query(
      `insert into incident_detections (detection_id, incident_id, organisation_id, at, scenario, name, family, severity, scope,
         subject, first_at, last_at, count, events)
       values (gen_random_uuid(), $1, $2, now(), 'x', 'X', 'x', 'low', 'ip', '203.0.113.7', now(), now(), 3, $3)`,
      [json.id, app.organisationId, events],
    );
    const { json: read } = await call('GET', `/${json.id}`);
    expect(
      read.timeline
        .filter(({ kind }: { kind: string }) => kind === 'event')
        .map(({ id }: { id: string }) => id)
        .sort(),
    ).toEqual([events[0], events[1]].sort());
    expect(read.timeline.find(({ kind }: { kind: string }) => kind === 'event')).toMatchObject({
      name: 'session.refused',
      note: 'wrong_password',
      subject: { scope: 'ip', value: '203.0.113.7' },
    });
  });

  it('administrators of another organisation find nothing', async () => {
    const { json } = await call('POST', '', { title: 'Ours', severity: 'low' });
    const bob = await app.aPerson('admin', await app.anotherOrganisation());
    expect((await call('GET', '', undefined, bob)).json.items).toEqual([]);
    expect((await call('GET', `/${json.id}`, undefined, bob)).status).toBe(404);
    expect((await call('POST', `/${json.id}/notes`, { note: 'hello' }, bob)).status).toBe(404);
    expect((await call('GET', '/summary', undefined, bob)).json.open).toEqual({
      low: 0,
      medium: 0,
      high: 0,
      critical: 0,
    });
  });
});
