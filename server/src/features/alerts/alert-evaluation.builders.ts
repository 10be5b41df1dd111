import { aDevice, aFlush, anOrganisation, aRule, aSeries, aUser } from '../../../../tests/support/alert-fixtures.ts';
import { dataKeysOn } from '../../../../tests/support/data-keys.ts';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { manualClock } from '../../lib/clock.ts';
import type { UserPrincipal } from '../../security/access/principal.ts';
import type { AuditContext } from '../../security/audit/audit-event.ts';
import type { AuditedTx } from '../../security/audit/tokens.ts';
import { createTransactions } from '../../security/audit/transactions.ts';
import type { CommittedFlush, SeriesKey } from '../telemetry/committed.ts';
import { createMeasuredPersons } from '../telemetry/measured-persons.ts';
import { type AlertEvaluation, createAlertEvaluation } from './alert.evaluation.ts';
import { createAlertService } from './alert.service.ts';
import type { Announcement } from './alert.ts';
import { createAlertRuleService } from './alert-rule.service.ts';
import { createAlertSeals } from './alert-seals.ts';
import { createSilenceScan, type SilenceScan } from './no-data.ts';

// For the tests of this folder: evaluation over a real database, fed as telemetry feeds it.

export const NOW = Date.UTC(2026, 0, 1, 12);
export const NOW_SECONDS = NOW / 1000;

interface StoredAlert {
  readonly id: string;
  readonly status: string;
  readonly value: number | null;
  readonly peak: number | null;
  readonly title: string;
  readonly started_at: Date;
}

/** One organisation with Ann, a freezer and its temperature; everything begins anew with `begin`. */
export async function evaluationUnderTest() {
  const db: TestDatabase = await aDatabase();
  const transactions = createTransactions(db);
  const clock = manualClock(NOW);
  const seals = createAlertSeals(await dataKeysOn(db), createMeasuredPersons({ transactions, clock }));
  const rules = createAlertRuleService({ clock, seals });
  const alerts = createAlertService({ clock, seals });
  const announced: Announcement[] = [];
  const place = { organisation: 0, device: '', series: {} as SeriesKey, ann: {} as UserPrincipal };
  let evaluation: AlertEvaluation;
  let scan: SilenceScan;

  function restart(): AlertEvaluation {
    evaluation = createAlertEvaluation({ clock, seals, announce: (told) => announced.push(...told) });
    scan = createSilenceScan({ clock, seals });
    return evaluation;
  }

  function asAnn<T>(event: 'alert_rule.changed' | 'alert.resolved', work: (tx: AuditedTx) => Promise<T>): Promise<T> {
    const actor = { kind: 'user', id: place.ann.userId, label: place.ann.email } as const;
    const context: AuditContext = { organisationId: place.organisation, actor, address: null, requestId: null };
    return transactions.audited(context, event, work);
  }

  /** As telemetry does it: one transaction, then what follows from it. */
  async function consume(...flushes: CommittedFlush[]): Promise<void> {
    try {
      await transactions.unaudited(null, 'rule_effects', (tx) => evaluation.apply(tx, flushes));
    } catch (error) {
      evaluation.rolledBack?.();
      throw error;
    }
    evaluation.committed?.(flushes);
  }

  async function scanForSilence(): Promise<void> {
    announced.push(...(await transactions.unaudited(null, 'rule_effects', (tx) => scan.run(tx))));
  }

  return {
    db,
    transactions,
    clock,
    seals,
    alerts,
    place,
    restart,
    consume,
    scanForSilence,
    drop: () => db.drop(),

    async begin() {
      clock.set(NOW);
      await db.admin.query('truncate alert_watch');
      place.organisation = await anOrganisation(db);
      place.ann = await aUser(db, place.organisation);
      place.device = await aDevice(db, place.organisation);
      place.series = await aSeries(db, place.organisation, place.device);
      announced.length = 0;
      restart();
    },

    running: () => evaluation,
    /** Goes on with another server's evaluation. */
    use(other: AlertEvaluation) {
      evaluation = other;
    },

    makeRule: (fields: Parameters<typeof aRule>[0] = {}) =>
      asAnn('alert_rule.changed', (tx) => rules.create(tx, place.ann, aRule(fields))),
    changeRule: (id: string, fields: Parameters<typeof aRule>[0]) =>
      asAnn('alert_rule.changed', (tx) => rules.change(tx, place.ann, id, aRule(fields))),
    removeRule: (id: string) => asAnn('alert_rule.changed', (tx) => rules.remove(tx, place.ann, id)),
    getRule: (organisation: number, id: string) => transactions.read(organisation, (reader) => rules.get(reader, id)),
    resolve: (id: string, note: string) =>
      asAnn('alert.resolved', (tx) => alerts.resolve(tx, { by: place.ann, id, note })),

    /** Points of the freezer, by seconds from NOW, committed together. */
    send: (...points: [number, number | boolean | string][]): Promise<void> =>
      consume(
        aFlush(place.series, clock.now(), ...points.map(([second, value]) => [NOW_SECONDS + second, value] as const)),
      ),

    /** Time passes with the server looking every two seconds. */
    async wait(seconds: number) {
      for (let passed = 0; passed < seconds; passed += 2) {
        clock.advance(2000);
        await scanForSilence();
      }
    },

    async stored(): Promise<StoredAlert[]> {
      const { rows } = await db.admin.query<StoredAlert>(
        'select * from alerts where organisation_id = $1 order by started_at, id',
        [place.organisation],
      );
      return rows;
    },
    async history(id: string): Promise<string[]> {
      const { rows } = await db.admin.query<{ kind: string }>(
        'select kind from alert_events where alert_id = $1 order by at, id',
        [id],
      );
      return rows.map(({ kind }) => kind);
    },
    announced,
    told: (): string[] => announced.map(({ transition, alert }) => `${transition} ${alert.deviceName}`),
  };
}
