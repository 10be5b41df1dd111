import { expect, it } from 'vitest';
import { ruleSentence } from './rule-sentence.ts';

const aRule = {
  metric: 'temperature',
  deviceId: null,
  deviceType: null,
  condition: 'gt' as const,
  threshold: -15,
  perSeconds: null,
  clearThreshold: null,
  forSeconds: 0,
};

it('says a threshold with its duration and clearing', () => {
  expect(ruleSentence({ ...aRule, deviceType: 'cold_store', forSeconds: 300, clearThreshold: -16 })).toBe(
    'temperature on every cold store device is above −15 for 5 min; clears at −16',
  );
});

it('says a change with its span', () => {
  expect(ruleSentence({ ...aRule, condition: 'rises_by', threshold: 2.5, perSeconds: 600 })).toBe(
    'temperature on the whole fleet rises by 2.5 within 10 min',
  );
});

it('says silence without a threshold, and names the device', () => {
  const silent = { ...aRule, deviceId: 'x', condition: 'no_data' as const, threshold: null, forSeconds: 180 };
  expect(ruleSentence(silent, 'Bedside 4')).toBe('temperature on Bedside 4 is silent for 3 min');
});

it('leaves a hole where the threshold is not known yet', () => {
  expect(ruleSentence({ ...aRule, threshold: null })).toBe('temperature on the whole fleet is above …');
});
