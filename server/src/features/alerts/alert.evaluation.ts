import type { Clock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import type { UnauditedTx } from '../../security/audit/tokens.ts';
import { isOpened } from '../../security/keys/person-values.ts';
import type { JournalConsumer } from '../telemetry/committed.ts';
import type { Announcement } from './alert.ts';
import type { RaisedAlert } from './alert-recording.repository.ts';
import { type AlertChanges, type Cleared, type Recording, recordChanges } from './alert-recording.ts';
import type { AlertSeals } from './alert-seals.ts';
import { graceSeconds } from './no-data.ts';
import { formatValue, ruleSentence } from './rule.ts';
import { step } from './rule-evaluation.ts';
import { createRuleIndex } from './rule-index.ts';
import { type ChangedState, loadStates, saveStates } from './rule-state.repository.ts';
import { forgottenState, newRuleState, parseState, serialiseState } from './rule-state.ts';
import type { RuleWatch, SeriesWatch } from './series-watch.ts';
import { type Heard, noteHeard } from './silence.repository.ts';

export interface AlertEvaluation extends JournalConsumer {
  /** The device was changed or removed: its type decides which rules concern it. */
  invalidateDevice(deviceId: string): void;
}

export interface AlertEvaluationOptions {
  readonly clock: Clock;
  readonly seals: AlertSeals;
  /** Called after the commit. */
  readonly announce: (announcements: readonly Announcement[]) => void;
}

/**
 * Evaluates rules on what was committed. Points, states, alerts, their history and the notifications about them change in one
 * transaction with the journal's own bookkeeping, so each point counts exactly once, whatever crashes when.
 */
export function createAlertEvaluation({ clock, seals, announce }: AlertEvaluationOptions): AlertEvaluation {
  const index = createRuleIndex();
  let announcements: Announcement[] = [];

  return {
    name: 'rules',

    async apply(tx, flushes) {
      announcements = [];
      const touched = await index.distribute(tx, flushes);
      if (touched.length === 0) return [];
      const watches = touched.filter(({ inbox }) => inbox.length > 0);
      await loadMissingStates(tx, watches, seals);
      const changes = evaluate(watches);
      for (const watch of watches) watch.inbox = [];
      const now = clock.date();
      // Its locks come before those of states: see the change of a rule, which takes them in this order too.
      announcements = await recordChanges(tx, changes, { now, seals });
      await saveStates(tx, await takeStates(tx, watches, { seals, now }));
      await endSilences(tx, touched, now);
      return [];
    },

    committed() {
      const told = announcements;
      announcements = [];
      if (told.length > 0) announce(told);
    },

    rolledBack() {
      announcements = [];
      index.clear();
    },

    invalidateDevice: index.forgetDevice,
  };

  async function endSilences(tx: UnauditedTx, touched: readonly SeriesWatch[], now: Date): Promise<void> {
    const heard = touched.flatMap((watch): Heard[] =>
      watch.silences.flatMap((silence) => {
        if (watch.lastReceivedMs < silence.notedMs + graceSeconds(silence.rule) * 1000) return [];
        silence.notedMs = watch.lastReceivedMs;
        return [{ rule: silence.rule, deviceId: watch.deviceId, receivedAt: new Date(watch.lastReceivedMs) }];
      }),
    );
    const ended = await noteHeard(tx, heard);
    const cleared = ended.map((alertId) => ({ alertId, note: `heard again at ${now.toISOString()}` }));
    if (cleared.length > 0)
      announcements.push(...(await recordChanges(tx, { raised: [], cleared, peaks: new Map() }, { now, seals })));
  }
}

async function loadMissingStates(tx: UnauditedTx, watches: readonly SeriesWatch[], seals: AlertSeals): Promise<void> {
  const missing = new Map<string, RuleWatch>();
  const keys = watches.flatMap(({ deviceId, values }) =>
    values.flatMap((watch) => {
      if (watch.state !== undefined) return [];
      missing.set(`${watch.rule.id} ${deviceId}`, watch);
      return [{ rule: watch.rule, deviceId }];
    }),
  );
  if (keys.length === 0) return;
  for (const stored of await loadStates(tx, keys)) {
    const { ruleId, deviceId, version, alertId } = stored;
    const watch = missing.get(`${ruleId} ${deviceId}`);
    if (watch === undefined) continue;
    const text = await seals.openState(stored);
    watch.state = isOpened(text) ? parseState(text) : forgottenState(text, alertId);
    watch.version = version;
    watch.alertId = alertId;
  }
}

interface CollectedChanges extends AlertChanges {
  readonly raised: RaisedAlert[];
  readonly cleared: Cleared[];
  readonly peaks: Map<string, { peak: number; organisationId: number; isHealth: boolean }>;
}

function evaluate(watches: readonly SeriesWatch[]): AlertChanges {
  const changes: CollectedChanges = { raised: [], cleared: [], peaks: new Map() };
  for (const series of watches) {
    const { values, inbox } = series;
    // What one transaction brings is taken in the order of event time: a device may send its buffer newest first.
    inbox.sort((a, b) => a.atMicros - b.atMicros);
    for (const watch of values) evaluateWatch(watch, series, changes);
  }
  return changes;
}

function evaluateWatch(
  watch: RuleWatch,
  { organisationId, deviceId, isHealth, inbox }: SeriesWatch,
  changes: CollectedChanges,
): void {
  const { rule } = watch;
  watch.state ??= newRuleState();
  let fresh: RaisedAlert | undefined; // raised in this transaction, so not in the database yet
  for (const point of inbox) {
    for (const effect of step(rule, watch.state, point)) {
      if (effect.kind === 'raise') {
        const { value } = effect;
        const detail = `${ruleSentence(rule)}; it was ${formatValue(value)} at ${instant(effect.atMicros)}`;
        const startedAt = new Date(Math.floor(effect.sinceMicros / 1000));
        fresh = { id: newId(), rule, deviceId, detail, value, startedAt, peak: value, isHealth, clearedNote: null };
        changes.raised.push(fresh);
        watch.alertId = fresh.id;
      } else if (effect.kind === 'peak') {
        if (fresh) fresh.peak = effect.value;
        else if (watch.alertId !== null)
          changes.peaks.set(watch.alertId, { peak: effect.value, organisationId, isHealth });
      } else {
        const note = `${rule.metric} was ${formatValue(effect.value)} at ${instant(effect.atMicros)}`;
        if (fresh) fresh.clearedNote = note;
        else if (watch.alertId !== null) changes.cleared.push({ alertId: watch.alertId, note, isHealth });
        fresh = undefined;
        watch.alertId = null;
      }
    }
  }
}

const instant = (micros: number): string => new Date(Math.floor(micros / 1000)).toISOString();

/** States to write; the watches count them as written, which `rolledBack` undoes by forgetting everything. */
async function takeStates(
  tx: UnauditedTx,
  watches: readonly SeriesWatch[],
  { seals, now }: Recording,
): Promise<ChangedState[]> {
  const states: ChangedState[] = [];
  for (const { organisationId, deviceId, isHealth, values } of watches) {
    const person = isHealth ? await seals.personOf(deviceId, now, tx) : null;
    for (const value of values) {
      if (value.state === undefined) continue;
      value.version += 1;
      const { rule, version, alertId } = value;
      const text = serialiseState(value.state);
      const key = { ruleId: rule.id, deviceId };
      const seal = isHealth ? await seals.state(organisationId, key, text, person) : { sealed: null, subject: null };
      states.push({ rule, deviceId, organisationId, version, alertId, state: isHealth ? '' : text, ...seal });
    }
  }
  return states;
}
