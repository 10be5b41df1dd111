import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { AuditEventName } from '@valtronics/contract';
import { anOrganisation, aUser } from '../../../../tests/support/alert-fixtures.ts';
import { dataKeysOn, sealClear } from '../../../../tests/support/data-keys.ts';
import { aDatabase } from '../../../../tests/support/database.ts';
import { aWebhookReceiver } from '../../../../tests/support/webhook-receiver.ts';
import { manualClock } from '../../lib/clock.ts';
import { createLogger } from '../../platform/log/log.ts';
import { createMailer } from '../../platform/mail/mailer.ts';
import { createOutbound } from '../../platform/outbound/outbound.ts';
import { createPeople } from '../../security/access/people.ts';
import type { UserPrincipal } from '../../security/access/principal.ts';
import type { AuditedTx } from '../../security/audit/tokens.ts';
import { createTransactions } from '../../security/audit/transactions.ts';
import type { Detection } from '../../security/detection/detection.ts';
import type { SecurityReport } from '../../security/events/security-event.ts';
import { createDelivery } from '../alerts/notification.delivery.ts';
import { createChannelService } from '../alerts/notification-channel.service.ts';
import { enqueueNotice } from '../alerts/notification-outbox.repository.ts';
import { createBreachService } from './breach.service.ts';
import { breachClockJob } from './breach-clock.ts';
import { createDetectionAnswer } from './detection-answer.ts';
import { createIncidentService, type IncidentAct, type IncidentService } from './incident.service.ts';
import { createIncidentNotices } from './incident-notices.ts';
import { timelineOf } from './timeline.ts';

// For the tests of this folder: incidents over a real database, told through the channels of alerts to a real receiver on loopback.

export const NOW = Date.UTC(2026, 0, 1, 12);
export const HOUR_MS = 3_600_000;
export const MINUTE_MS = 60_000;

export async function incidentsUnderTest() {
  const db = await aDatabase();
  const transactions = createTransactions(db);
  const dataKeys = await dataKeysOn(db);
  const clock = manualClock(NOW);
  const outbound = createOutbound({ allowList: ['127.0.0.0/8'], timeoutMs: 2000 });
  const publicUrl = new URL('https://valtronics.example.org');
  const log = createLogger({ level: 'fatal', clock });
  const mailer = createMailer({ smtpUrl: undefined, publicUrl });
  const delivery = createDelivery({
    ...{ transactions, mailer, outbound, dataKeys, publicUrl, clock, log },
    random: () => 1,
  });
  const channels = createChannelService({ clock, dataKeys, outbound });
  const reports: SecurityReport[] = [];
  const people = createPeople(dataKeys);
  const notices = createIncidentNotices({ people, board: { put: enqueueNotice, sendSoon() {} }, clock });
  const service = createIncidentService({ people, clock, notices });
  const job = breachClockJob({ transactions, notices, clock });
  const answer = createDetectionAnswer({
    transactions,
    notices,
    events: { report: (event) => reports.push(event) },
    clock,
  });
  const { signal } = new AbortController();
  // The first organisation runs the instance.
  const operator = await anOrganisation(db);
  const place = { organisation: 0, ann: {} as UserPrincipal, ben: {} as UserPrincipal };

  function audited<T>(
    work: (tx: AuditedTx) => Promise<T>,
    by: UserPrincipal = place.ann,
    event: AuditEventName = 'incident.noted',
  ): Promise<T> {
    const actor = { kind: 'user', id: by.userId, label: by.email } as const;
    return transactions.audited(
      { organisationId: by.organisationId, actor, address: null, requestId: null },
      event,
      work,
    );
  }

  return {
    ...{ db, clock, transactions, reports, place, operator, service, answer, audited },
    breaches: createBreachService(service),
    /** What was put into the database in clear. */
    seal: () => sealClear(db, dataKeys),
    drop: () => db.drop(),

    async begin() {
      clock.set(NOW);
      reports.length = 0;
      await db.admin.query('delete from incidents');
      await db.admin.query('delete from notification_channels');
      place.organisation = await anOrganisation(db);
      place.ann = await aUser(db, place.organisation, 'Ann');
      place.ben = await aUser(db, place.organisation, 'Ben');
      await sealClear(db, dataKeys);
    },

    /** A detection of the organisation, of now. */
    aDetection: (own: Partial<Detection> = {}): Detection => ({
      id: randomUUID(),
      at: clock.date(),
      scenario: 'password-guessing',
      name: 'Password guessing',
      severity: 'medium',
      technique: 'T1110.001',
      organisationId: place.organisation,
      subject: { scope: 'ip', value: '203.0.113.7' },
      firstAt: new Date(clock.now() - MINUTE_MS),
      lastAt: clock.date(),
      count: 5,
      events: [randomUUID()],
      response: { decision: 'block', opensIncident: true },
      simulated: false,
      ...own,
    }),

    incidents: async (by: UserPrincipal = place.ann, query: Parameters<IncidentService['list']>[2] = {}) =>
      (await transactions.read(by.organisationId, (reader) => service.list(reader, by, query))).items,
    timeline: (id: string, organisation = place.organisation) =>
      transactions.read(organisation, (reader) => timelineOf(people, reader, id)),
    act: (id: string, note?: string, by: UserPrincipal = place.ann): IncidentAct => ({ by, id, note }),
    runClock: () => job.run(signal),

    /** Lets all of them come as far as they can before any may write, so that none is merely quicker than another. */
    async atOnce<T>(...works: (() => Promise<T>)[]): Promise<PromiseSettledResult<T>[]> {
      await db.admin.query('begin; lock table incidents in share row exclusive mode');
      const all = Promise.allSettled(works.map((work) => work()));
      for (let waiting = 0; waiting < works.length; ) {
        await delay(5);
        await db.admin.query('select pg_stat_clear_snapshot()');
        const { rows } = await db.admin.query<{ count: number }>(
          `select count(*)::int as count from pg_stat_activity where datname = $1 and wait_event_type = 'Lock'`,
          [db.name],
        );
        waiting = rows[0]?.count ?? 0;
      }
      await db.admin.query('commit');
      return all;
    },

    async auditedEvents(id: string): Promise<string[]> {
      const { rows } = await db.admin.query<{ event: string }>(
        'select event from audit_events where resource_id = $1 order by at, id',
        [id],
      );
      return rows.map(({ event }) => event);
    },

    /** A webhook of somebody's organisation, and what it hears when what waits is sent. */
    async aHook(by: UserPrincipal = place.ann, minimumSeverity: 'info' | 'warning' | 'critical' = 'info') {
      const hook = await aWebhookReceiver();
      await audited(
        (tx) => channels.create(tx, by, { name: 'Ops', kind: 'webhook', target: hook.url, minimumSeverity }),
        by,
        'notification_channel.created',
      );
      return {
        close: hook.close,
        async heard(): Promise<{ type: string; data: { incident: { id: string; severity: string } } }[]> {
          await delivery.run(signal);
          return hook.received.map(({ body }) => JSON.parse(body));
        },
      };
    },
  };
}
