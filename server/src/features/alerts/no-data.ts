import type { Clock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import type { UnauditedTx } from '../../security/audit/tokens.ts';
import type { Announcement } from './alert.ts';
import { openAlertsWithoutRule, type RaisedAlert } from './alert-recording.repository.ts';
import { recordChanges } from './alert-recording.ts';
import type { AlertSeals } from './alert-seals.ts';
import { type Rule, ruleSentence } from './rule.ts';
import {
  allRuleRevisions,
  beginScan,
  excuseSilence,
  findSilent,
  markSilent,
  type SilentDevice,
  watchKnownDevices,
} from './silence.repository.ts';

/**
 * For how long a further reception need not be written down. Without it every flush would write a row for every device; with it an
 * alert comes later by as much (and never early).
 */
export const graceSeconds = (rule: Pick<Rule, 'forSeconds'>): number => Math.min(5, rule.forSeconds / 10);

// Looked for every few seconds; when the last look is longer ago than this, nobody was listening in between.
const LISTENING_GAP_MS = 30_000;
const REVIEW_EVERY_MS = 60_000;
const MAX_PER_SCAN = 1000;

export interface SilenceScan {
  /** Raises alerts for devices that have been silent too long, by the wall clock. */
  run(tx: UnauditedTx): Promise<Announcement[]>;
}

export function createSilenceScan({ clock, seals }: { clock: Clock; seals: AlertSeals }): SilenceScan {
  let reviewedAt = Number.NEGATIVE_INFINITY;
  let reviewedRules = -1;

  /** What only changes when rules or devices do. */
  async function review(tx: UnauditedTx, now: Date): Promise<Announcement[]> {
    const rules = await allRuleRevisions(tx);
    if (rules === reviewedRules && now.getTime() - reviewedAt < REVIEW_EVERY_MS) return [];
    await watchKnownDevices(tx, now);
    const obsolete = await openAlertsWithoutRule(tx, MAX_PER_SCAN);
    reviewedRules = rules;
    reviewedAt = now.getTime();
    if (obsolete.length === 0) return [];
    const cleared = obsolete.map((alertId) => ({ alertId, note: 'the rule no longer applies to this device' }));
    return recordChanges(tx, { raised: [], cleared, peaks: new Map() }, { now, seals });
  }

  return {
    async run(tx) {
      const now = clock.date();
      const last = await beginScan(tx, now);
      if (last === undefined) return [];
      const gapMs = now.getTime() - last.getTime();
      if (gapMs > LISTENING_GAP_MS) await excuseSilence(tx, gapMs, now);
      const announcements = await review(tx, now);
      const silent = await findSilent(tx, now, MAX_PER_SCAN);
      if (silent.length === 0) return announcements;
      const raised = silent.map(silenceAlert);
      announcements.push(...(await recordChanges(tx, { raised, cleared: [], peaks: new Map() }, { now, seals })));
      await markSilent(
        tx,
        raised.map(({ id, rule, deviceId }) => ({ ruleId: rule.id, deviceId, alertId: id })),
      );
      return announcements;
    },
  };
}

function silenceAlert({ silentDeviceId, lastReceivedAt, ...rule }: SilentDevice): RaisedAlert {
  return {
    id: newId(),
    rule,
    deviceId: silentDeviceId,
    detail: `${ruleSentence(rule)}; last received at ${lastReceivedAt.toISOString()}`,
    value: null,
    startedAt: lastReceivedAt,
    peak: null,
    // That there was silence says nothing of a value.
    isHealth: false,
    clearedNote: null,
  };
}
