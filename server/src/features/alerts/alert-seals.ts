import { createPeople, type People } from '../../security/access/people.ts';
import type { Place } from '../../security/crypto/sealed-value.ts';
import type { DataKeys, Sealing } from '../../security/keys/data-keys.ts';
import type { AlertRow } from './alert.ts';

/** What an alert says of a value, apart from the worst since, which changes by itself. */
type Told = Pick<AlertRow, 'detail' | 'value'>;

/** Seals and opens what alerts of class health quote, and what their rules remember, for their organisation (docs/health-telemetry.md). */
export interface AlertSeals {
  /** What the people are called who did something to alerts. */
  readonly named: People['named'];
  told(organisation: number, alertId: string, told: Told): Promise<Buffer>;
  peak(organisation: number, alertId: string, peak: number | null): Promise<Buffer>;
  note(organisation: number, eventId: string, note: string): Promise<Buffer>;
  state(organisation: number, key: { ruleId: string; deviceId: string }, state: string): Promise<Buffer>;
  openAlert<R extends AlertRow>(row: R): Promise<R>;
  openNote(organisation: number, eventId: string, sealed: Buffer): Promise<string>;
  openState(organisation: number, key: { ruleId: string; deviceId: string }, sealed: Buffer): Promise<string>;
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
const statePlace = (organisation: number, { ruleId, deviceId }: { ruleId: string; deviceId: string }) =>
  place(organisation, 'alert_states', 'sealed', `${ruleId}/${deviceId}`);

export function createAlertSeals(dataKeys: Sealing & Pick<DataKeys, 'openAll'>): AlertSeals {
  return {
    named: createPeople(dataKeys).named,
    told: (organisation, id, { detail, value }) =>
      dataKeys.seal(JSON.stringify({ detail, value }), tellingPlace(organisation, id)),
    peak: (organisation, id, peak) => dataKeys.seal(JSON.stringify(peak), peakPlace(organisation, id)),
    note: (organisation, id, note) => dataKeys.seal(note, notePlace(organisation, id)),
    state: (organisation, key, state) => dataKeys.seal(state, statePlace(organisation, key)),

    async openAlert(row) {
      const { organisationId, id, toldSealed, peakSealed } = row;
      if (toldSealed === null && peakSealed === null) return row;
      // What we sealed we wrote ourselves, and it is authentic: of this shape.
      const told = toldSealed && (await dataKeys.open(toldSealed, tellingPlace(organisationId, id)));
      const peak = peakSealed && (await dataKeys.open(peakSealed, peakPlace(organisationId, id)));
      return {
        ...row,
        ...(told === null ? {} : (JSON.parse(told.toString()) as Told)),
        ...(peak === null ? {} : { peak: JSON.parse(peak.toString()) as number | null }),
      };
    },
    openNote: async (organisation, id, sealed) => (await dataKeys.open(sealed, notePlace(organisation, id))).toString(),
    openState: async (organisation, key, sealed) =>
      (await dataKeys.open(sealed, statePlace(organisation, key))).toString(),
  };
}
