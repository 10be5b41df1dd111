import { type AlertRuleInput, alertRuleInput } from '@valtronics/contract';
import { describe, expect, test } from 'vitest';
import { demoRules } from './demo-rules.ts';
import { pointsBetween, type SimulatedDevice, type SimulatedPoint } from './device.ts';
import { demoFleet } from './fleet.ts';

const HOUR = 3_600_000;
// A Wednesday; the curves are a function of time, so these figures do not move.
const start = Date.UTC(2026, 10, 25, 8);

interface Firing {
  readonly rule: string;
  readonly device: string;
  readonly raisedAt: number;
  readonly clearedAt: number | null;
}

/** What the interface document says a rule does, on event time; small and slow, and independent of the server's own. */
function firings(rule: AlertRuleInput, device: SimulatedDevice, points: SimulatedPoint[], until: number): Firing[] {
  const found: Firing[] = [];
  const mine = points.filter((point) => point.metric === rule.metric);
  if (rule.deviceType !== device.type || mine.length === 0) return found;
  const hold = (rule.forSeconds ?? 0) * 1000;
  const cooldown = (rule.cooldownSeconds ?? 0) * 1000;
  const open = (raisedAt: number) => ({ rule: rule.name, device: device.name, raisedAt });
  if (rule.condition === 'no_data') {
    const times = [...mine.map((point) => point.timestamp), until];
    for (const [index, time] of times.entries()) {
      const next = times[index + 1];
      if (next !== undefined && next - time > hold)
        found.push({ ...open(time + hold), clearedAt: next === until ? null : next });
    }
    return found;
  }
  let since: number | null = null;
  let raised: number | null = null;
  let quietUntil = 0;
  const threshold = rule.threshold ?? 0;
  const clear = rule.clearThreshold ?? threshold;
  let behind = 0;
  for (const { value, timestamp } of mine) {
    if (typeof value !== 'number') continue;
    const past = timestamp - (rule.perSeconds ?? 0) * 1000;
    while ((mine[behind + 1]?.timestamp ?? Infinity) <= past) behind++;
    const then = mine[behind];
    const holds = {
      gt: value > (raised === null ? threshold : clear),
      lt: value < (raised === null ? threshold : clear),
      rises_by: typeof then?.value === 'number' && value - then.value >= threshold,
    }[rule.condition as 'gt' | 'lt' | 'rises_by'];
    if (holds) {
      since ??= timestamp;
      if (raised === null && timestamp - since >= hold && timestamp >= quietUntil) raised = timestamp;
    } else {
      if (raised !== null) {
        found.push({ ...open(raised), clearedAt: timestamp });
        quietUntil = timestamp + cooldown;
      }
      since = null;
      raised = null;
    }
  }
  if (raised !== null) found.push({ ...open(raised), clearedAt: null });
  return found;
}

function firingsBetween(from: number, to: number, rules = demoRules()): Firing[] {
  return demoFleet().flatMap((device) => {
    const points = [...pointsBetween(device, from, to)];
    return rules.flatMap((rule) => firings(rule, device, points, to));
  });
}

describe('demo rules', () => {
  test('every rule is one the contract takes, and meets a device of the fleet that sends its metric', () => {
    const sent = new Set(demoFleet().flatMap((device) => device.metrics.map(({ name }) => `${device.type} ${name}`)));
    for (const rule of demoRules()) {
      expect(alertRuleInput.safeParse(rule).error).toBeUndefined();
      expect(sent).toContain(`${rule.deviceType} ${rule.metric}`);
    }
  });

  test('alerts come every few minutes without drowning the viewer, and nearly all clear by themselves', () => {
    const alerts = firingsBetween(start, start + 12 * HOUR);
    const perHour = alerts.length / 12;
    expect(perHour).toBeGreaterThan(12);
    expect(perHour).toBeLessThan(30);
    expect(alerts.filter(({ clearedAt }) => clearedAt === null).length).toBeLessThan(6);
  });

  test('whoever opens the demo at any moment sees an alert raised within two minutes', () => {
    const rules = demoRules().filter(({ forSeconds = 0 }) => forSeconds < 120);
    for (let offset = 0; offset < 20 * 60; offset += 37) {
      const opened = start + offset * 1000;
      const first = firingsBetween(opened, opened + 120_000, rules);
      expect(first, `opened ${offset} s after the hour`).not.toHaveLength(0);
    }
  });

  test('in a day each rule about something that happens daily fires, and none more than a person would bear', () => {
    const byRule = Map.groupBy(firingsBetween(start, start + 24 * HOUR), ({ rule }) => rule);
    for (const rule of ['Freezer too warm', 'Freezer silent', 'Low oxygen saturation', 'Air is stale'])
      expect(byRule.get(rule)?.length ?? 0, rule).toBeGreaterThan(0);
    for (const [rule, alerts] of byRule) expect(alerts.length, rule).toBeLessThan(160);
  });
});
