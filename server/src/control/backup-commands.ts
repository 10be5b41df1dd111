import { z } from 'zod';
import type { SecurityEvents } from '../security/events/security-event.ts';

const damage = z.strictObject({
  /** Of the backup. */
  name: z.string().min(1).max(100),
  place: z.string().max(500),
  fault: z.string().max(1_000),
});

const failedDrill = z.strictObject({
  name: z.string().min(1).max(100),
  place: z.string().max(500),
  /** What failed, in words. */
  failed: z.array(z.string().max(1_000)).max(20),
});

export const backupCommandShapes = {
  'backups.damaged': { input: damage, output: z.strictObject({}) },
  'backups.drill-failed': { input: failedDrill, output: z.strictObject({}) },
} as const;

/** A command that found a backup damaged has the server say so, which is what detection listens to. */
export function reportDamage(
  events: SecurityEvents,
  uid: number,
  found: z.output<typeof damage>,
): Record<string, never> {
  events.report({
    action: 'backup.tampered',
    outcome: 'failure',
    transport: 'cli',
    user: { id: `cli:${uid}`, label: null },
    reason: 'damaged',
    details: { backup: found.name, place: found.place, fault: found.fault },
  });
  return {};
}

/** A backup that could not be brought back in a drill would not come back when it is needed. */
export function reportFailedDrill(
  events: SecurityEvents,
  uid: number,
  found: z.output<typeof failedDrill>,
): Record<string, never> {
  events.report({
    action: 'backup.drill_failed',
    outcome: 'failure',
    transport: 'cli',
    user: { id: `cli:${uid}`, label: null },
    reason: 'drill_failed',
    details: { backup: found.name, place: found.place, failed: found.failed },
  });
  return {};
}
