import type { Block } from '@valtronics/contract';
import { describe, expect, it } from 'vitest';
import { evidenceFilter, ordinal } from './block-words.ts';

const block: Block = {
  id: '019af000-0000-7000-8000-000000000001',
  scope: 'ip',
  value: '203.0.113.7',
  label: null,
  kind: 'block',
  origin: 'guessing',
  simulated: false,
  state: 'in_force',
  reason: 'guessing',
  scenario: null,
  detectionId: null,
  nth: 1,
  evidence: {},
  createdAt: '2026-01-01T12:00:00.000Z',
  createdBy: null,
  expiresAt: '2026-01-01T12:05:00.000Z',
  liftedAt: null,
  liftedBy: null,
  graceUntil: null,
};

describe('what led to a block', () => {
  it('is what its detection names, else what its subject did in the hour before', () => {
    const detectionId = '019af000-0000-7000-8000-000000000002';
    expect(evidenceFilter({ ...block, detectionId })).toEqual({ detectionId });
    expect(evidenceFilter(block)).toEqual({
      address: '203.0.113.7',
      from: '2026-01-01T11:00:00.000Z',
      to: '2026-01-01T12:01:00.000Z',
    });
    // An address of IPv6 is blocked as its /64, from all of which the events are.
    expect(evidenceFilter({ ...block, value: '2001:db8:7:1::/64' })).toMatchObject({ address: '2001:db8:7:1::/64' });
    expect(evidenceFilter({ ...block, scope: 'range', value: '203.0.113.0/24' })).toMatchObject({
      address: '203.0.113.0/24',
    });
  });
});

describe('ordinal', () => {
  it('knows the teens', () => {
    expect([1, 2, 3, 4, 11, 12, 13, 21, 22, 111].map(ordinal)).toEqual([
      '1st',
      '2nd',
      '3rd',
      '4th',
      '11th',
      '12th',
      '13th',
      '21st',
      '22nd',
      '111th',
    ]);
  });
});
