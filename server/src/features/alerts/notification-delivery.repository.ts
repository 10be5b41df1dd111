import { sql } from 'kysely';
import type { WriteTx } from '../../security/audit/tokens.ts';
import type { NotificationPayload } from './notification-outbox.repository.ts';

export interface ClaimedNotification {
  readonly id: string;
  readonly organisationId: number;
  readonly channelId: string;
  readonly alertId: string | null;
  readonly idempotencyKey: string;
  readonly payload: NotificationPayload;
  /** This attempt included. */
  readonly attempts: number;
  readonly createdAt: Date;
  readonly kind: 'email' | 'webhook';
  readonly channelName: string;
  readonly targetSealed: Buffer | null;
  readonly target: string | null;
  readonly enabled: boolean;
  readonly secretSealed: Buffer | null;
}

export interface Claim {
  readonly now: Date;
  /** If nothing is heard of the claim by then, it is due again: whoever claimed it has died. */
  readonly until: Date;
  readonly limit: number;
  /** Channels that have enough under way. */
  readonly busyChannels: readonly string[];
}

/** One due notification of each of several channels; of one alert and channel always the first that waits. */
export async function claimDue(tx: WriteTx, claim: Claim): Promise<ClaimedNotification[]> {
  const { rows } = await sql<ClaimedNotification>`
    with due as (
      select distinct on (o.channel_id) o.id, o.next_attempt_at
      from notification_outbox o
      where o.status = 'pending' and o.next_attempt_at <= ${claim.now}
        and o.channel_id <> all (${claim.busyChannels}::uuid[])
        and not exists (
          select 1 from notification_outbox e
          where e.channel_id = o.channel_id and e.alert_id = o.alert_id and e.status = 'pending' and e.place < o.place)
      order by o.channel_id, o.next_attempt_at, o.place
    ), claimed as (
      select o.id from notification_outbox o join due on due.id = o.id
      where o.status = 'pending' and o.next_attempt_at <= ${claim.now}
      order by due.next_attempt_at limit ${claim.limit}
      for update of o skip locked
    )
    update notification_outbox o set next_attempt_at = ${claim.until}, attempts = o.attempts + 1
    from claimed, notification_channels c
    where o.id = claimed.id and c.id = o.channel_id
    returning o.id, o.organisation_id as "organisationId", o.channel_id as "channelId", o.alert_id as "alertId",
      o.idempotency_key as "idempotencyKey", o.payload, o.attempts, o.created_at as "createdAt", c.kind,
      c.name as "channelName", c.target_sealed as "targetSealed", c.target, c.enabled, c.secret_sealed as "secretSealed"`.execute(
    tx.db,
  );
  return rows;
}

export async function markDelivered(tx: WriteTx, id: string, channelId: string, at: Date): Promise<void> {
  await sql`
    update notification_outbox set status = 'delivered', finished_at = ${at}, last_error = null
    where id = ${id}`.execute(tx.db);
  await sql`
    update notification_channels set last_delivered_at = ${at}, last_error = null where id = ${channelId}`.execute(
    tx.db,
  );
}

export interface FailedAttempt {
  readonly id: string;
  readonly channelId: string;
  readonly error: string;
  readonly at: Date;
  /** Undefined: it is given up. */
  readonly nextAttemptAt: Date | undefined;
}

const MAX_ERROR_LENGTH = 300;

export async function markFailed(tx: WriteTx, attempt: FailedAttempt): Promise<void> {
  const error = attempt.error.slice(0, MAX_ERROR_LENGTH);
  const isOver = attempt.nextAttemptAt === undefined;
  await sql`
    update notification_outbox set status = ${isOver ? 'failed' : 'pending'}, last_error = ${error},
      finished_at = ${isOver ? attempt.at : null}, next_attempt_at = coalesce(${attempt.nextAttemptAt ?? null}, next_attempt_at)
    where id = ${attempt.id}`.execute(tx.db);
  await sql`update notification_channels set last_error = ${error} where id = ${attempt.channelId}`.execute(tx.db);
}

/** Removes what was delivered or given up before the given time; returns how many. */
export async function removeFinished(tx: WriteTx, before: Date, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from notification_outbox where id in (
      select id from notification_outbox where status <> 'pending' and finished_at < ${before}
      order by finished_at limit ${limit})`.execute(tx.db);
  return Number(numAffectedRows ?? 0);
}
