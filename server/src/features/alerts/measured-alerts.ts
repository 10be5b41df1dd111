import type { Clock } from '../../lib/clock.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import { ERASED, isOpened, LOCKED } from '../../security/keys/person-values.ts';
import type { MeasuredChange } from '../telemetry/measured-changes.repository.ts';
import type { MeasuredSettler } from '../telemetry/measured-changes.ts';
import type { Announcement } from './alert.ts';
import { recordCleared } from './alert-recording.ts';
import type { AlertSeals } from './alert-seals.ts';
import {
  findOpenAlertsOf,
  findSealedAlerts,
  findSealedNotes,
  forgetStatesOf,
  replaceNote,
  replaceTold,
  type SealedAlert,
} from './measured-alerts.repository.ts';
import { newRuleState, serialiseState } from './rule-state.ts';

const AT_ONCE = 100;
const WAS_ERASED = 'whom it was about was erased';

/** What alerts quote of somebody goes the way of the measurements: sealed for whose it is now, and gone with who was erased. */
export function createAlertSettler(deps: {
  readonly transactions: Pick<Transactions, 'readAcross' | 'unaudited'>;
  readonly seals: AlertSeals;
  readonly clock: Clock;
  readonly announce: (announcements: readonly Announcement[]) => void;
}): MeasuredSettler {
  const { transactions, seals, clock, announce } = deps;

  /** Nothing would clear them any more: what their rules remember goes as well. */
  async function end({ organisationId, deviceId, subject }: MeasuredChange): Promise<void> {
    const open = await transactions.readAcross((reader) => findOpenAlertsOf(reader, deviceId, subject));
    const announcements = await transactions.unaudited(null, 'rule_effects', async (tx) => {
      const cleared = open.map((alertId) => ({ alertId, note: WAS_ERASED }));
      const told = await recordCleared(tx, cleared, { now: clock.date(), seals });
      await forgetStatesOf(tx, { organisationId, deviceId, subject }, serialiseState(newRuleState()));
      return told;
    });
    announce(announcements);
  }

  async function settleAlert(alert: SealedAlert, organisationId: number, subject: string | null): Promise<boolean> {
    const { id, toldSealed, peakSealed } = alert;
    const told = await seals.openTold(organisationId, alert);
    if (told === ERASED) return remove(alert);
    // Nobody can seal again what does not open: what was altered or lost stays as it is, and what cannot be read yet is done once it can.
    if (!isOpened(told)) return told !== LOCKED;
    const anew = toldSealed && (await seals.told(organisationId, id, told, subject));
    const peak = peakSealed && (await seals.peak(organisationId, id, told.peak, subject));
    const kept = { told: anew?.sealed ?? null, peak: peak?.sealed ?? null, subject };
    const notes: { id: string; anew: Awaited<ReturnType<AlertSeals['note']>> | null }[] = [];
    for (const note of await transactions.readAcross((reader) => findSealedNotes(reader, id))) {
      const text = await seals.openNote(organisationId, note.id, note);
      if (text === LOCKED) return false;
      if (text === ERASED) notes.push({ id: note.id, anew: null });
      else if (isOpened(text))
        notes.push({ id: note.id, anew: await seals.note(organisationId, note.id, text, subject) });
    }
    // Of one of them there was no key for whose it is now: the next time.
    const isOwed = [anew, peak, ...notes.map((note) => note.anew)].some(
      (one) => one !== null && one.subject !== subject,
    );
    if (isOwed) return false;
    return transactions.unaudited(null, 'seal_marked', async (tx) => {
      if (!(await replaceTold(tx, alert, kept))) return false;
      for (const note of notes) await replaceNote(tx, note.id, note.anew);
      return true;
    });
  }

  async function remove(alert: SealedAlert): Promise<boolean> {
    const notes = await transactions.readAcross((reader) => findSealedNotes(reader, alert.id));
    return transactions.unaudited(null, 'seal_marked', async (tx) => {
      if (!(await replaceTold(tx, alert, { told: null, peak: null, subject: null }))) return false;
      for (const { id } of notes) await replaceNote(tx, id, null);
      return true;
    });
  }

  return async (change, personAt, signal) => {
    const { deviceId, organisationId } = change;
    if (change.isErased) await end(change);
    let isWhole = true;
    for (let afterId: string | undefined; !signal.aborted; ) {
      const page = { ...change, deviceId, afterId };
      const alerts = await transactions.readAcross((reader) => findSealedAlerts(reader, page, AT_ONCE));
      for (const alert of alerts) {
        const subject = personAt(alert.startedMicros);
        if (change.isErased && subject === null) isWhole = (await remove(alert)) && isWhole;
        else if (subject !== alert.subject) isWhole = (await settleAlert(alert, organisationId, subject)) && isWhole;
      }
      afterId = alerts.at(-1)?.id;
      if (alerts.length < AT_ONCE) return isWhole;
    }
    return false;
  };
}
