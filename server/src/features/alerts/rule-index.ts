import type { Reader } from '../../security/audit/tokens.ts';
import type { CommittedFlush, SeriesKey } from '../telemetry/committed.ts';
import { observedValue } from './rule-evaluation.ts';
import { deviceTypes, enabledRules, ruleRevisions } from './rule-state.repository.ts';
import { addWatch, forgetDevice, type OrganisationRules, organisationRules, type SeriesWatch } from './series-watch.ts';

/** Which rules concern which series, as of the transaction that asks. */
export interface RuleIndex {
  /** Hands the points that any rule cares about to their watches, and returns these. */
  distribute(reader: Reader, flushes: readonly CommittedFlush[]): Promise<SeriesWatch[]>;
  forgetDevice(deviceId: string): void;
  clear(): void;
}

const NO_RULES: ReadonlyMap<number, SeriesWatch | null> = new Map();

export function createRuleIndex(): RuleIndex {
  const organisations = new Map<number, OrganisationRules>();

  /** One small query a transaction keeps every server on the rules that are true now. */
  async function refreshRules(reader: Reader, organisationIds: readonly number[]): Promise<void> {
    const revisions = await ruleRevisions(reader, organisationIds);
    for (const id of organisationIds) {
      const revision = revisions.get(id) ?? 0;
      if (organisations.get(id)?.revision === revision) continue;
      const rules = revision === 0 ? [] : await enabledRules(reader, id);
      organisations.set(id, organisationRules(revision, rules));
    }
  }

  async function watchNewSeries(reader: Reader, series: ReadonlyMap<number, SeriesKey>): Promise<void> {
    const fresh = [...series.values()].filter(
      ({ id, organisationId }) => organisations.get(organisationId)?.watches.has(id) === false,
    );
    if (fresh.length === 0) return;
    const concerned = fresh.filter(
      ({ organisationId, metric }) => organisations.get(organisationId)?.byMetric.has(metric) === true,
    );
    const deviceIds = [...new Set(concerned.map(({ deviceId }) => deviceId))];
    const types = deviceIds.length === 0 ? undefined : await deviceTypes(reader, deviceIds);
    for (const key of fresh) {
      const rules = organisations.get(key.organisationId);
      if (rules !== undefined) addWatch(rules, key, types?.get(key.deviceId));
    }
  }

  return {
    async distribute(reader, flushes) {
      const series = seriesIn(flushes);
      await refreshRules(reader, [...new Set([...series.values()].map(({ organisationId }) => organisationId))]);
      await watchNewSeries(reader, series);
      const touched = new Set<SeriesWatch>();
      let lastSeries: SeriesKey | undefined;
      let watch: SeriesWatch | null | undefined;
      for (const { points, committedAtMs } of flushes) {
        for (const { series: key, atMicros, value } of points) {
          // Points of a batch mostly come series by series; those of no interest cost a comparison.
          if (key !== lastSeries) {
            lastSeries = key;
            watch = (organisations.get(key.organisationId)?.watches ?? NO_RULES).get(key.id);
            if (watch) {
              watch.isHealth = key.health;
              touched.add(watch);
            }
          }
          if (!watch) continue;
          if (committedAtMs > watch.lastReceivedMs) watch.lastReceivedMs = committedAtMs;
          if (watch.values.length === 0) continue;
          const observed = observedValue(value);
          if (observed !== undefined)
            watch.inbox.push({ atMicros, value: observed, receivedMicros: committedAtMs * 1000 });
        }
      }
      return [...touched];
    },

    forgetDevice(deviceId) {
      for (const rules of organisations.values()) forgetDevice(rules, deviceId);
    },

    clear() {
      organisations.clear();
    },
  };
}

function seriesIn(flushes: readonly CommittedFlush[]): Map<number, SeriesKey> {
  const found = new Map<number, SeriesKey>();
  let last: SeriesKey | undefined;
  for (const { points } of flushes) {
    for (const { series } of points) {
      if (series === last) continue;
      last = series;
      found.set(series.id, series);
    }
  }
  return found;
}
