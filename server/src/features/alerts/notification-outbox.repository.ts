import { type Alert, alert as alertSchema, type Severity } from '@valtronics/contract';
import { sql } from 'kysely';
import { newId } from '../../lib/ids.ts';
import type { WriteTx } from '../../security/audit/tokens.ts';
import { showing } from '../../security/fields/show-answer.ts';
import type { Announcement, Transition } from './alert.ts';
import type { Notice } from './notice.ts';

/** What is told, fixed at the time it was true. */
export interface AlertPayload {
  readonly transition: Transition | 'test';
  readonly at: string;
  readonly alert: Alert | null;
}
export interface NoticePayload {
  readonly transition: 'notice';
  readonly at: string;
  readonly notice: Pick<Notice, 'type' | 'subject' | 'title' | 'lines' | 'path' | 'linkText' | 'data'>;
}
export type NotificationPayload = AlertPayload | NoticePayload;

// A channel that does not take them any more (or a rule that flaps) must not fill the disk.
const MAX_WAITING_PER_CHANNEL = 1000;

/** A channel leads out of the platform: it is told what everybody who reads alerts may see, and nobody’s email address. */
const toldOutside = showing(alertSchema, { permissions: new Set(['alert:read']) });

/** One row per announcement and channel that wants it. Telling the same twice is not possible: the key is unique. */
export async function enqueueNotifications(
  tx: WriteTx,
  announcements: readonly Announcement[],
  now: Date,
): Promise<void> {
  if (announcements.length === 0) return;
  const rows = announcements.map(({ organisationId, alert, transition }) => ({
    organisationId,
    alertId: alert.id,
    transition,
    // A device may raise again what is still open, but graver.
    occasion: transition === 'raised' && alert.type === 'device' ? `raised:${alert.severity}` : transition,
    rank: rankOf(alert.severity),
    payload: JSON.stringify({ transition, at: now.toISOString(), alert: toldOutside(alert) } satisfies AlertPayload),
  }));
  await sql`
    insert into notification_outbox
      (id, organisation_id, channel_id, alert_id, idempotency_key, payload, next_attempt_at, created_at)
    select gen_random_uuid(), c.organisation_id, c.id, n.alert_id,
           n.alert_id || ':' || n.occasion || ':' || c.id, n.payload::jsonb, ${now}::timestamptz, ${now}::timestamptz
    from unnest(
      ${rows.map((row) => row.organisationId)}::int[], ${rows.map((row) => row.alertId)}::uuid[],
      ${rows.map((row) => row.transition)}::text[], ${rows.map((row) => row.occasion)}::text[],
      ${rows.map((row) => row.rank)}::int[], ${rows.map((row) => row.payload)}::text[]
    ) with ordinality as n (organisation_id, alert_id, transition, occasion, rank, payload, place)
    join notification_channels c on c.organisation_id = n.organisation_id and c.enabled
      and n.rank >= array_position(array['info', 'warning', 'critical'], c.minimum_severity)
      -- People are not mailed that a colleague is on it; a system on the other side of a webhook keeps its own state.
      and (c.kind = 'webhook' or n.transition <> 'acknowledged')
    where (select count(*) from notification_outbox o where o.channel_id = c.id and o.status = 'pending')
          < ${MAX_WAITING_PER_CHANNEL}
    order by n.place
    on conflict (idempotency_key) do nothing`.execute(tx.db);
}

/** Returns the names of the channels that want it and have room for it. */
export async function enqueueNotice(tx: WriteTx, notice: Notice, now: Date): Promise<string[]> {
  const { type, subject, title, lines, path, linkText, data } = notice;
  const payload: NoticePayload = {
    transition: 'notice',
    at: now.toISOString(),
    notice: { type, subject, title, lines, path, linkText, data },
  };
  const { rows } = await sql<{ name: string }>`
    with wanted as (
      select c.id, c.organisation_id, c.name from notification_channels c
      where c.organisation_id = ${notice.organisationId} and c.enabled
        and ${rankOf(notice.severity)} >= array_position(array['info', 'warning', 'critical'], c.minimum_severity)
        and (select count(*) from notification_outbox o where o.channel_id = c.id and o.status = 'pending')
            < ${MAX_WAITING_PER_CHANNEL}
    ), put as (
      insert into notification_outbox
        (id, organisation_id, channel_id, idempotency_key, payload, next_attempt_at, created_at)
      select gen_random_uuid(), w.organisation_id, w.id, ${notice.key} || ':' || w.id, ${JSON.stringify(payload)}::jsonb,
             ${now}::timestamptz, ${now}::timestamptz
      from wanted w
      on conflict (idempotency_key) do nothing returning channel_id
    )
    select w.name from wanted w join put on put.channel_id = w.id order by lower(w.name), w.id`.execute(tx.db);
  return rows.map(({ name }) => name);
}

export async function enqueueTest(tx: WriteTx, organisationId: number, channelId: string, now: Date): Promise<void> {
  const id = newId();
  const payload: AlertPayload = { transition: 'test', at: now.toISOString(), alert: null };
  await sql`
    insert into notification_outbox
      (id, organisation_id, channel_id, idempotency_key, payload, next_attempt_at, created_at)
    values (${id}, ${organisationId}, ${channelId}, ${`test:${id}:${channelId}`}, ${JSON.stringify(payload)}::jsonb,
            ${now}, ${now})`.execute(tx.db);
}

const rankOf = (severity: Severity): number => ['info', 'warning', 'critical'].indexOf(severity) + 1;
