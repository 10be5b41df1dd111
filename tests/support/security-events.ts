import type { SecurityEvents, SecurityReport } from '../../server/src/security/events/security-event.ts';
import type { Places } from '../../server/src/security/gate/places.ts';

/** What a door is given (`door`), and what it said. */
export function heardEvents() {
  const reports: SecurityReport[] = [];
  const events: SecurityEvents = { report: (report) => void reports.push(report) };
  const places: Places = { seen() {} };
  return { reports, door: { events, places } };
}
