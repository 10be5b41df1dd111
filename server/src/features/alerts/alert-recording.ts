import type { UnauditedTx, WriteTx } from '../../security/audit/tokens.ts';
import { findAlerts } from './alert.repository.ts';
import { type Announcement, toAlert } from './alert.ts';
import { insertEvents, type NewEvent } from './alert-event.repository.ts';
import { clearAlerts, insertRaised, lockRules, type RaisedAlert, updatePeaks } from './alert-recording.repository.ts';
import { enqueueNotifications } from './notification-outbox.repository.ts';

/** What one transaction of evaluation found out. */
export interface AlertChanges {
  readonly raised: readonly RaisedAlert[];
  readonly cleared: readonly { readonly alertId: string; readonly note: string }[];
  readonly peaks: ReadonlyMap<string, number>;
}

/**
 * Writes alerts, their history and the notifications about them, all in the transaction that removes what they were decided from: a
 * crash repeats everything or nothing. The order is the order of locks (rules, alerts, then the caller's states) everywhere.
 */
export async function recordChanges(tx: UnauditedTx, changes: AlertChanges, now: Date): Promise<Announcement[]> {
  const announcements: Announcement[] = [];
  const rules = changes.raised.map(({ rule }) => rule.id);
  if (rules.length > 0) await lockRules(tx, rules);
  if (changes.peaks.size > 0) await updatePeaks(tx, changes.peaks);
  // What ends comes first: a rule has one open alert on a device, and may have raised the next within the same transaction.
  if (changes.cleared.length > 0) announcements.push(...(await recordCleared(tx, changes.cleared, now)));
  if (changes.raised.length > 0) announcements.push(...(await recordRaised(tx, changes.raised, now)));
  await enqueueNotifications(tx, announcements, now);
  return announcements;
}

async function recordRaised(tx: UnauditedTx, raised: readonly RaisedAlert[], now: Date): Promise<Announcement[]> {
  const inserted = await insertRaised(tx, raised, now);
  const kept = raised.filter(({ id }) => inserted.has(id));
  const events = kept.flatMap(({ id, rule, detail, clearedNote }): NewEvent[] => {
    const event = { organisationId: rule.organisationId, alertId: id, at: now };
    const raisedEvent: NewEvent = { ...event, kind: 'raised', note: detail };
    return clearedNote === null ? [raisedEvent] : [raisedEvent, { ...event, kind: 'cleared', note: clearedNote }];
  });
  await insertEvents(tx, events);
  const rows = await findAlerts(tx, [...inserted]);
  return rows.flatMap((row): Announcement[] => {
    const alert = toAlert(row);
    const { organisationId } = row;
    if (row.status !== 'resolved') return [{ organisationId, alert, transition: 'raised' }];
    return [
      { organisationId, alert: { ...alert, status: 'active', resolvedAt: null }, transition: 'raised' },
      { organisationId, alert, transition: 'resolved' },
    ];
  });
}

/** Also for a rule that is changed or removed by a person: the alerts it left open clear, with that as the reason. */
export async function recordCleared(tx: WriteTx, cleared: AlertChanges['cleared'], now: Date): Promise<Announcement[]> {
  const notes = new Map(cleared.map(({ alertId, note }) => [alertId, note]));
  const ended = await clearAlerts(tx, [...notes.keys()], now);
  await insertEvents(
    tx,
    ended.map(({ id, organisationId }) => ({
      organisationId,
      alertId: id,
      at: now,
      kind: 'cleared',
      note: notes.get(id) ?? null,
    })),
  );
  const rows = await findAlerts(
    tx,
    ended.map(({ id }) => id),
  );
  return rows.map((row) => ({ organisationId: row.organisationId, alert: toAlert(row), transition: 'resolved' }));
}
