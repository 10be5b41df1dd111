import { type IncidentSeverity, incident as incidentSchema, type Severity } from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import type { People } from '../../security/access/people.ts';
import type { WriteTx } from '../../security/audit/tokens.ts';
import { showing } from '../../security/fields/show-answer.ts';
import type { NoticeBoard } from '../alerts/notice.ts';
import { findIncident, namesOfPeople } from './incident.repository.ts';
import { toIncident } from './incident.ts';
import { findOperator, insertEntry } from './incident-entry.repository.ts';

/** What others are told about an incident. */
export type IncidentNews =
  | 'opened'
  | 'severity_raised'
  | 'reopened'
  | 'resolved'
  | 'breach_flagged'
  | 'breach_reminded'
  | 'breach_overdue'
  | 'breach_notified';

const words: Record<IncidentNews, string> = {
  opened: 'opened',
  severity_raised: 'is graver than it seemed',
  reopened: 'goes on',
  resolved: 'is resolved',
  breach_flagged: 'is a breach of personal data',
  breach_reminded: 'the authority has not been told yet',
  breach_overdue: 'the authority was not told in time',
  breach_notified: 'the authority has been told',
};

/** Channels of an incident are read by those who deal with it, who need nobody’s email address for that. */
const toldOutside = showing(incidentSchema, { permissions: new Set(['system:admin']) });

export interface IncidentNotices {
  /** In the transaction of what is told; to the channels of the organisation, or for the instance's own to those of who runs it. */
  tell(tx: WriteTx, incidentId: string, news: IncidentNews): Promise<void>;
  /** After the commit. */
  sendSoon(): void;
}

export function createIncidentNotices(deps: { people: People; board: NoticeBoard; clock: Clock }): IncidentNotices {
  const { people, board, clock } = deps;
  return {
    async tell(tx, incidentId, news) {
      const found = await findIncident(tx, incidentId);
      const [row] = await people.named(tx, found ? [found] : [], namesOfPeople);
      const organisationId = row?.organisationId ?? (await findOperator(tx));
      // Before the first start there is nobody to tell.
      if (row === undefined || organisationId === undefined) return;
      const incident = toldOutside(toIncident(row));
      const at = clock.date();
      const channels = await board.put(
        tx,
        {
          // Each occasion once; what may happen again (reopened, graver still) is told apart by its time.
          key: `incident:${incidentId}:${news}:${at.getTime()}`,
          organisationId,
          type: `incident.${news}`,
          severity: news.startsWith('breach_') ? 'critical' : severityOfChannel[incident.severity],
          subject: `[${news === 'resolved' ? 'resolved' : incident.severity}] Incident ${words[news]}: ${incident.title}`,
          title: incident.title,
          lines: [
            ['Incident', words[news]],
            ['Severity', incident.severity],
            ['Status', incident.status],
            ['About', incident.subject === null ? 'not said' : `${incident.subject.scope} ${incident.subject.value}`],
            ['Began', incident.firstAt],
            ['Last seen', incident.lastAt],
            ['Owner', incident.owner?.label ?? 'nobody yet'],
            ...(incident.breach === null
              ? []
              : ([['The authority is to be told by', incident.breach.dueAt]] as [string, string][])),
          ],
          path: `/incidents/${incidentId}`,
          linkText: 'Open the incident',
          data: { incident },
        },
        at,
      );
      if (channels.length > 0)
        await insertEntry(tx, {
          incidentId,
          organisationId: row.organisationId,
          at,
          kind: 'told',
          note: `${words[news]}: to ${channels.join(', ')}`,
        });
    },
    sendSoon: board.sendSoon,
  };
}

/** A channel's least severity is in the words of alerts. */
const severityOfChannel: Record<IncidentSeverity, Severity> = {
  low: 'info',
  medium: 'warning',
  high: 'critical',
  critical: 'critical',
};
