import { alertRuleInput } from '@valtronics/contract';
import { expect, it } from 'vitest';
import { canPreview, newRule, ruleOf, scopeFault } from './rule-form.ts';

const aRule = { ...newRule, name: 'Warm', metric: 'temperature', threshold: -15 };

it('makes a rule the contract takes', () => {
  expect(alertRuleInput.safeParse(ruleOf(aRule)).success).toBe(true);
});

it('leaves out what the condition does not use, though it was typed', () => {
  const silent = ruleOf({ ...aRule, condition: 'no_data', forSeconds: 60, clearThreshold: 3 });
  expect(silent).toMatchObject({ threshold: null, clearThreshold: null, perSeconds: null });
  expect(alertRuleInput.safeParse(silent).success).toBe(true);
});

it('does not let an unfinished scope become the whole fleet', () => {
  expect(scopeFault({ ...aRule, scope: 'device' })).toEqual({ deviceId: 'Choose the device' });
  expect(canPreview({ ...aRule, scope: 'type' })).toBe(false);
});

it('previews without a name, but not without a threshold', () => {
  expect(canPreview({ ...aRule, name: '' })).toBe(true);
  expect(canPreview({ ...aRule, threshold: '' })).toBe(false);
});
