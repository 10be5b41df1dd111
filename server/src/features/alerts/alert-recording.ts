import { newId } from '../../lib/ids.ts';
import type { UnauditedTx, WriteTx } from '../../security/audit/tokens.ts';
import { findAlerts, namesOfPeople } from './alert.repository.ts';
import { type Announcement, toAlert } from './alert.ts';
import { insertEvents, type NewEvent } from './alert-event.repository.ts';
import {
  clearAlerts,
  findAlertSubjects,
  insertRaised,
  lockRules,
  type Peak,
  type RaisedAlert,
  type ToldAlert,
  updatePeaks,
} from './alert-recording.repository.ts';
import type { AlertSeals } from './alert-seals.ts';
import { enqueueNotifications } from './notification-outbox.repository.ts';

/** What one transaction of evaluation found out. */
export interface AlertChanges {
  readonly raised: readonly RaisedAlert[];
  readonly cleared: readonly Cleared[];
  readonly peaks: ReadonlyMap<
    string,
    { readonly peak: number; readonly organisationId: number; readonly isHealth: boolean }
  >;
}

export interface Cleared {
  readonly alertId: string;
  readonly note: string;
  /** The note quotes a value of class health. */
  readonly isHealth?: boolean;
}

/** When it is, and how what is of class health is sealed. */
export interface Recording {
  readonly now: Date;
  readonly seals: AlertSeals;
}

/**
 * Writes alerts, their history and the notifications about them, all in the transaction that removes what they were decided from: a
 * crash repeats everything or nothing. The order is the order of locks (rules, alerts, then the caller's states) everywhere.
 */
export async function recordChanges(
  tx: UnauditedTx,
  changes: AlertChanges,
  { now, seals }: Recording,
): Promise<Announcement[]> {
  const announcements: Announcement[] = [];
  const rules = changes.raised.map(({ rule }) => rule.id);
  if (rules.length > 0) await lockRules(tx, rules);
  if (changes.peaks.size > 0) await updatePeaks(tx, await toldPeaks(tx, changes.peaks, seals));
  // What ends comes first: a rule has one open alert on a device, and may have raised the next within the same transaction.
  if (changes.cleared.length > 0) announcements.push(...(await recordCleared(tx, changes.cleared, { now, seals })));
  if (changes.raised.length > 0) announcements.push(...(await recordRaised(tx, changes.raised, { now, seals })));
  await enqueueNotifications(tx, announcements, now);
  return announcements;
}

async function toldPeaks(tx: WriteTx, peaks: AlertChanges['peaks'], seals: AlertSeals): Promise<Peak[]> {
  const told: Peak[] = [];
  const ofHealth = [...peaks].filter(([, { isHealth }]) => isHealth).map(([id]) => id);
  const subjects = ofHealth.length === 0 ? new Map<string, string>() : await findAlertSubjects(tx, ofHealth);
  for (const [alertId, { peak, organisationId, isHealth }] of peaks) {
    if (!isHealth) {
      told.push({ alertId, peak, sealed: null });
      continue;
    }
    const subject = subjects.get(alertId) ?? null;
    const worst = await seals.peak(organisationId, alertId, peak, subject);
    // The row says whose it is; of whom there is no key any more nothing is added.
    told.push({ alertId, peak: null, sealed: worst.subject === subject ? worst.sealed : null });
  }
  return told;
}

async function toldAlert(tx: UnauditedTx, alert: RaisedAlert, seals: AlertSeals): Promise<ToldAlert> {
  if (!alert.isHealth) return { ...alert, sealed: null };
  const { id, rule, deviceId, startedAt, peak } = alert;
  const told = await seals.told(rule.organisationId, id, alert, await seals.personOf(deviceId, startedAt, tx));
  const { subject } = told;
  const worst = await seals.peak(rule.organisationId, id, peak, subject);
  return { ...alert, sealed: { told: told.sealed, peak: worst.sealed, subject } };
}

/** `subject` undefined: the note quotes nothing of class health. */
async function toldNote(
  event: Omit<NewEvent, 'note' | 'sealed'>,
  note: string,
  subject: string | null | undefined,
  seals: AlertSeals,
): Promise<NewEvent> {
  if (subject === undefined) return { ...event, note };
  const id = newId();
  return { ...event, note: null, sealed: { id, ...(await seals.note(event.organisationId, id, note, subject)) } };
}

async function recordRaised(
  tx: UnauditedTx,
  raised: readonly RaisedAlert[],
  { now, seals }: Recording,
): Promise<Announcement[]> {
  const told: ToldAlert[] = [];
  for (const alert of raised) told.push(await toldAlert(tx, alert, seals));
  const inserted = await insertRaised(tx, told, now);
  const kept = told.filter(({ id }) => inserted.has(id));
  const events: NewEvent[] = [];
  for (const { id, rule, detail, clearedNote, sealed } of kept) {
    const event = { organisationId: rule.organisationId, alertId: id, at: now };
    events.push(await toldNote({ ...event, kind: 'raised' }, detail, sealed?.subject, seals));
    if (clearedNote !== null)
      events.push(await toldNote({ ...event, kind: 'cleared' }, clearedNote, sealed?.subject, seals));
  }
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
export async function recordCleared(
  tx: WriteTx,
  cleared: AlertChanges['cleared'],
  { now, seals }: Recording,
): Promise<Announcement[]> {
  const causes = new Map(cleared.map((one) => [one.alertId, one]));
  const ended = await clearAlerts(tx, [...causes.keys()], now);
  const events: NewEvent[] = [];
  for (const { id, organisationId, subject } of ended) {
    const { note = '', isHealth = false } = causes.get(id) ?? {};
    const event = { organisationId, alertId: id, at: now, kind: 'cleared' } as const;
    events.push(await toldNote(event, note, isHealth ? subject : undefined, seals));
  }
  await insertEvents(tx, events);
  const found = await findAlerts(
    tx,
    ended.map(({ id }) => id),
  );
  // A person may have acknowledged what ends by itself.
  const rows = await seals.named(tx, found, namesOfPeople);
  return rows.map((row) => ({ organisationId: row.organisationId, alert: toAlert(row), transition: 'resolved' }));
}
