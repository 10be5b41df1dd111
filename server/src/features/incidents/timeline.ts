import type { IncidentEntry } from '@valtronics/contract';
import type { People } from '../../security/access/people.ts';
import type { Reader } from '../../security/audit/tokens.ts';
import {
  listDecisions,
  listDetections,
  listEntries,
  listEventsBehind,
  namesInEntries,
  type TimelineRow,
} from './incident-entry.repository.ts';

const MAX_ENTRIES = 1000;
const MAX_DETECTIONS = 500;
const MAX_EVENTS = 300;
const MAX_DECISIONS = 200;

/** Everything about one incident in the order it happened: events, detections, decisions, and what people did. */
export async function timelineOf(
  people: People,
  reader: Reader,
  incidentId: string,
): Promise<{ timeline: IncidentEntry[]; timelineIsCut: boolean }> {
  const rowsOfEntries = await listEntries(reader, incidentId, MAX_ENTRIES);
  const entries = (await people.named(reader, rowsOfEntries, namesInEntries)).map(({ givenTo, ...row }) => ({
    ...row,
    note: givenTo === null ? row.note : `to ${givenTo}`,
  }));
  const detections = await listDetections(reader, incidentId, MAX_DETECTIONS);
  const events = await listEventsBehind(reader, incidentId, MAX_EVENTS + 1);
  const decisions = await listDecisions(reader, incidentId, MAX_DECISIONS);
  const rows = [...events.slice(0, MAX_EVENTS), ...detections, ...decisions, ...entries];
  return {
    timeline: rows.sort((a, b) => a.at.getTime() - b.at.getTime()).map(present),
    timelineIsCut: events.length > MAX_EVENTS,
  };
}

function present({ at, scope, value, ...row }: TimelineRow): IncidentEntry {
  const subject = scope === null || value === null ? null : { scope, value };
  return { ...row, at: at.toISOString(), subject };
}
