import type { LeafSource } from './audit-leaf.ts';

/** As nearly all are. */
export const anEvent: LeafSource = {
  id: '2881d646-3756-40e9-b92b-0b9b712d5843',
  at: '2026-01-01T00:00:00.000000Z',
  event: 'device.changed',
  outcome: 'success',
  actorKind: 'user',
  actorId: 'd904b334-bb62-4bf4-97fe-e43084ab30a8',
  actorLabel: 'ada@example.org',
  resourceKind: 'device',
  resourceId: 'c39c828b-d4de-481a-9261-304323b69d20',
  address: '192.0.2.1',
  requestId: null,
  details: { name: 'freezer' },
};
