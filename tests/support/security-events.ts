import { systemClock } from '../../server/src/lib/clock.ts';
import type { SecurityEvents, SecurityReport } from '../../server/src/security/events/security-event.ts';
import { createPlaces } from '../../server/src/security/gate/places.ts';

/** What a door is given (`door`), and what it said. */
export function heardEvents() {
  const reports: SecurityReport[] = [];
  const events: SecurityEvents = { report: (report) => void reports.push(report) };
  return { reports, door: { events, places: createPlaces({ events, clock: systemClock }) } };
}
