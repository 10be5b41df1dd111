import { createPeople, type People } from '../../security/access/people.ts';
import type { Reader } from '../../security/audit/tokens.ts';
import type { Place } from '../../security/crypto/sealed-value.ts';
import { UNREADABLE } from '../../security/keys/damaged-values.ts';
import type { DataKeys } from '../../security/keys/data-keys.ts';
import {
  createPersonValues,
  DAMAGED,
  isOpened,
  type PersonKeys,
  type Sealed,
  type Unopened,
} from '../../security/keys/person-values.ts';
import type { MeasuredPersons } from '../telemetry/measured-persons.ts';
import type { AlertRow } from './alert.ts';
import type { StoredState } from './rule-state.repository.ts';

/** What an alert says of a value, apart from the worst since, which changes by itself. */
type Told = Pick<AlertRow, 'detail' | 'value'>;

type SealedAlert = Pick<AlertRow, 'id' | 'toldSealed' | 'peakSealed' | 'subject'>;
type OpenedTold = Pick<AlertRow, 'detail' | 'value' | 'peak'>;
type StateKey = Pick<StoredState, 'ruleId' | 'deviceId'>;

/** Seals and opens what alerts of class health quote, and what their rules remember, for whom they are about (docs/health-telemetry.md). */
export interface AlertSeals {
  /** What the people are called who did something to alerts. */
  readonly named: People['named'];
  /** Whom the device measured then. */
  personOf(deviceId: string, at: Date, reader?: Reader): Promise<string | null>;
  told(organisation: number, alertId: string, told: Told, subject: string | null): Promise<Sealed>;
  peak(organisation: number, alertId: string, peak: number | null, subject: string | null): Promise<Sealed>;
  note(organisation: number, eventId: string, note: string, subject: string | null): Promise<Sealed>;
  state(organisation: number, key: StateKey, state: string, subject: string | null): Promise<Sealed>;
  /** What stands in the seals of an alert, as far as there are any, or why one of them does not open. */
  openTold(organisation: number, alert: SealedAlert): Promise<OpenedTold | Unopened>;
  /** What does not open stays away, and what was altered is told as unreadable: the alert, and others beside it, are there without it. */
  openAlert<R extends AlertRow>(row: R): Promise<R>;
  openNote(organisation: number, eventId: string, note: Sealed): Promise<string | Unopened>;
  /** As it was remembered. */
  openState(stored: StoredState): Promise<string | Unopened>;
}

const place = (organisation: number, table: string, column: string, row: string): Place => ({
  organisation,
  table,
  column,
  row,
});
const tellingPlace = (organisation: number, id: string) => place(organisation, 'alerts', 'told_sealed', id);
const peakPlace = (organisation: number, id: string) => place(organisation, 'alerts', 'peak_sealed', id);
const notePlace = (organisation: number, id: string) => place(organisation, 'alert_events', 'note_sealed', id);
const statePlace = (organisation: number, { ruleId, deviceId }: StateKey) =>
  place(organisation, 'alert_states', 'sealed', `${ruleId}/${deviceId}`);

export function createAlertSeals(
  dataKeys: PersonKeys & Pick<DataKeys, 'openAll'>,
  persons: MeasuredPersons,
): AlertSeals {
  const values = createPersonValues(dataKeys, persons);

  async function openTold(
    organisation: number,
    { id, toldSealed, peakSealed, subject }: SealedAlert,
  ): Promise<OpenedTold | Unopened> {
    const found: { -readonly [K in keyof OpenedTold]: OpenedTold[K] } = { detail: null, value: null, peak: null };
    // What we sealed we wrote ourselves, and it is authentic: of this shape.
    for (const [sealed, at] of [
      [toldSealed, tellingPlace(organisation, id)],
      [peakSealed, peakPlace(organisation, id)],
    ] as const) {
      if (sealed === null) continue;
      const plain = await values.open({ sealed, subject }, at);
      if (!isOpened(plain)) return plain;
      if (sealed === toldSealed) Object.assign(found, JSON.parse(plain.toString()) as Told);
      else found.peak = JSON.parse(plain.toString()) as number | null;
    }
    return found;
  }

  async function openText(value: Sealed, at: Place): Promise<string | Unopened> {
    const plain = await values.open(value, at);
    return isOpened(plain) ? plain.toString() : plain;
  }

  return {
    named: createPeople(dataKeys).named,
    personOf: (deviceId, at, reader) => persons.at(deviceId, at.getTime() * 1000, reader),
    told: (organisation, id, { detail, value }, subject) =>
      values.seal(JSON.stringify({ detail, value }), tellingPlace(organisation, id), subject),
    peak: (organisation, id, peak, subject) => values.seal(JSON.stringify(peak), peakPlace(organisation, id), subject),
    note: (organisation, id, note, subject) => values.seal(note, notePlace(organisation, id), subject),
    state: (organisation, key, state, subject) => values.seal(state, statePlace(organisation, key), subject),

    async openAlert(row) {
      const told = await openTold(row.organisationId, row);
      if (!isOpened(told)) return told === DAMAGED ? { ...row, detail: UNREADABLE } : row;
      const { detail, value, peak } = told;
      return { ...row, ...(row.toldSealed ? { detail, value } : {}), ...(row.peakSealed ? { peak } : {}) };
    },
    openTold,
    openNote: (organisation, id, note) => openText(note, notePlace(organisation, id)),
    async openState({ organisationId, sealed, subject, state, ...key }) {
      if (sealed === null) return state;
      return openText({ sealed, subject }, statePlace(organisationId, key));
    },
  };
}
