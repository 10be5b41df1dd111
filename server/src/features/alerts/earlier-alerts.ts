import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { AlertSeals } from './alert-seals.ts';
import {
  findEarlierAlerts,
  findEarlierNotes,
  findEarlierStates,
  sealAlert,
  sealNote,
  sealState,
} from './earlier-alerts.repository.ts';

const AT_ONCE = 200;

/** Seals what alerts quote of series that were marked after they were raised. Begun again it goes on with what is left. */
export async function sealEarlierAlerts(
  {
    transactions,
    seals,
  }: { readonly transactions: Pick<Transactions, 'readAcross' | 'unaudited'>; readonly seals: AlertSeals },
  signal: AbortSignal,
): Promise<void> {
  const inBatches = async <Row>(
    find: Parameters<typeof transactions.readAcross<Row[]>>[0],
    seal: (row: Row) => Promise<Parameters<typeof transactions.unaudited<void>>[2]>,
  ): Promise<void> => {
    while (!signal.aborted) {
      const rows = await transactions.readAcross(find);
      for (const row of rows) await transactions.unaudited(null, 'seal_marked', await seal(row));
      if (rows.length < AT_ONCE) return;
    }
  };
  await inBatches(
    (reader) => findEarlierAlerts(reader, AT_ONCE),
    async (alert) => {
      const { organisationId, id, deviceId, startedAt } = alert;
      const told = await seals.told(organisationId, id, alert, await seals.personOf(deviceId, startedAt));
      const { subject } = told;
      const peak = await seals.peak(organisationId, id, alert.peak, subject);
      return (tx) => sealAlert(tx, alert, { told: told.sealed, peak: peak.sealed, subject });
    },
  );
  await inBatches(
    (reader) => findEarlierNotes(reader, AT_ONCE),
    async ({ organisationId, id, note, subject }) => {
      const sealed = await seals.note(organisationId, id, note, subject);
      return (tx) => sealNote(tx, id, sealed);
    },
  );
  await inBatches(
    (reader) => findEarlierStates(reader, AT_ONCE),
    async (state) => {
      const sealed = await seals.state(state.organisationId, state, state.state, null);
      return (tx) => sealState(tx, state, sealed);
    },
  );
}
