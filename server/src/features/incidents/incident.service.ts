import type * as contract from '@valtronics/contract';
import type { Incident, IncidentSeverity, Page } from '@valtronics/contract';
import { incidentSeverities } from '@valtronics/contract';
import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { DEFAULT_PAGE, decodeCursor, pageOf } from '../../lib/cursor.ts';
import { newId } from '../../lib/ids.ts';
import { invalidField, notFound, Problem } from '../../lib/problem.ts';
import type { People } from '../../security/access/people.ts';
import type { Member } from '../../security/access/principal.ts';
import type { AuditedTx, Reader } from '../../security/audit/tokens.ts';
import {
  countIncidents,
  findIncident,
  insertIncident,
  isActivePerson,
  listIncidents,
  lockIncident,
  namesOfPeople,
  reopenIncident,
  setOwner,
  setSeverity,
  takeStep,
} from './incident.repository.ts';
import { type IncidentRow, isGraver, mayTake, type Step, toIncident } from './incident.ts';
import { countEntries, insertEntry, type NewEntry } from './incident-entry.repository.ts';
import type { IncidentNews, IncidentNotices } from './incident-notices.ts';

const MAX_ENTRIES = 1000;
/** What ends something is never refused: it can be done once before somebody has to begin it again. */
const ENDING: readonly NewEntry['kind'][] = [
  'acknowledged',
  'contained',
  'resolved',
  'breach_notified',
  'breach_withdrawn',
];
const MONTH_MS = 30 * 86_400_000;
const position = z.tuple([z.iso.datetime(), z.uuid()]);

type ListQuery = z.infer<typeof contract.incidentsList.query>;
type Opened = z.infer<typeof contract.incidentOpen.body>;

/** What a person does to an incident. */
export interface IncidentAct {
  readonly by: Member;
  readonly id: string;
  readonly note?: string | undefined;
}

export type IncidentService = ReturnType<typeof createIncidentService>;
/** Changes an incident that is locked, and says what to write into its timeline and whom to tell. */
export type Change = (tx: AuditedTx, before: IncidentRow, at: Date) => Promise<Done>;
export interface Done {
  readonly kind: NewEntry['kind'];
  readonly note?: string | undefined;
  readonly news?: IncidentNews | undefined;
  readonly details?: Readonly<Record<string, unknown>>;
}

export function createIncidentService(deps: { people: People; clock: Clock; notices: IncidentNotices }) {
  const { people, clock, notices } = deps;

  async function load(reader: Reader, id: string): Promise<Incident> {
    const row = await findIncident(reader, id);
    const [named] = await people.named(reader, row ? [row] : [], namesOfPeople);
    if (named === undefined) throw notFound();
    return toIncident(named);
  }

  /** One act of a person: the lock, the change, its line in the timeline, who is told, the audit event. */
  async function perform(tx: AuditedTx, act: IncidentAct, change: Change): Promise<Incident> {
    const before = await lockIncident(tx, act.id);
    if (before === undefined) throw notFound();
    const at = clock.date();
    const done = await change(tx, before, at);
    if (!ENDING.includes(done.kind) && (await countEntries(tx, act.id)) >= MAX_ENTRIES)
      throw new Problem('conflict', { detail: 'The timeline of this incident is full.' });
    const { organisationId } = before;
    const note = done.note ?? act.note;
    await insertEntry(tx, { incidentId: act.id, organisationId, at, kind: done.kind, byUser: act.by.userId, note });
    if (done.news !== undefined) await notices.tell(tx, act.id, done.news);
    tx.describe({ resource: { kind: 'incident', id: act.id }, ...(done.details && { details: done.details }) });
    return load(tx, act.id);
  }

  const step = (tx: AuditedTx, act: IncidentAct, taken: Step): Promise<Incident> =>
    perform(tx, act, async (_, before, at) => {
      if (!mayTake(taken, before.status))
        throw new Problem('conflict', { detail: `The incident is ${before.status} already.` });
      await takeStep(tx, act.id, taken, at, act.by.userId);
      return { kind: taken, details: { from: before.status }, ...(taken === 'resolved' && { news: 'resolved' }) };
    });

  return {
    perform,

    async list(reader: Reader, by: Member, query: ListQuery): Promise<Page<Incident>> {
      const limit = query.limit ?? DEFAULT_PAGE;
      const after = decodeCursor(query.cursor, position);
      const owners = { me: by.userId, none: null } as const;
      const { owner } = query;
      const rows = await listIncidents(
        reader,
        {
          status: query.status,
          isOpen: query.open === 'true',
          severity: query.severity,
          ownerId: owner === 'me' || owner === 'none' ? owners[owner] : owner,
          breach: query.breach,
          subject: query.subject,
          from: query.from === undefined ? undefined : new Date(query.from),
          to: query.to === undefined ? undefined : new Date(query.to),
          resolvedFrom: query.resolvedFrom === undefined ? undefined : new Date(query.resolvedFrom),
          after: after && { openedAt: new Date(after[0]), id: after[1] },
        },
        limit + 1,
      );
      const named = await people.named(reader, rows, namesOfPeople);
      return pageOf(named, limit, toIncident, (row) => [row.openedAt.toISOString(), row.id]);
    },

    async summary(reader: Reader): Promise<z.infer<typeof contract.incidentsSummary.response>> {
      const since = new Date(clock.now() - MONTH_MS);
      const counts = await countIncidents(reader, since);
      const open = Object.fromEntries(
        incidentSeverities.map((severity) => [
          severity,
          counts.open.find((row) => row.severity === severity)?.count ?? 0,
        ]),
      ) as Record<IncidentSeverity, number>;
      const rounded = (seconds: number | null): number | null => (seconds === null ? null : Math.round(seconds));
      return {
        open,
        unacknowledged: counts.unacknowledged,
        unowned: counts.unowned,
        breachesRunning: counts.breachesRunning,
        nextBreachDueAt: counts.nextBreachDueAt?.toISOString() ?? null,
        since: since.toISOString(),
        resolvedLast30d: counts.resolved,
        meanSecondsToAcknowledge: rounded(counts.toAcknowledge),
        meanSecondsToResolve: rounded(counts.toResolve),
      };
    },

    load,

    async open(tx: AuditedTx, by: Member, opened: Opened): Promise<Incident> {
      const id = newId();
      const at = clock.date();
      const startedAt = opened.startedAt === undefined ? at : new Date(opened.startedAt);
      if (startedAt > at) throw invalidField('startedAt', 'it has not begun yet');
      const { organisationId, userId } = by;
      const { title, severity, subject = null, note } = opened;
      await insertIncident(tx, {
        ...{ id, organisationId, title, severity, subject, at },
        byUser: userId,
        firstAt: startedAt,
        lastAt: at,
      });
      await insertEntry(tx, { incidentId: id, organisationId, at, kind: 'opened', byUser: userId, note });
      await notices.tell(tx, id, 'opened');
      tx.describe({ resource: { kind: 'incident', id }, details: { severity, byHand: true } });
      return load(tx, id);
    },

    acknowledge: (tx: AuditedTx, act: IncidentAct) => step(tx, act, 'acknowledged'),
    contain: (tx: AuditedTx, act: IncidentAct) => step(tx, act, 'contained'),
    resolve: (tx: AuditedTx, act: IncidentAct) => step(tx, act, 'resolved'),

    reopen: (tx: AuditedTx, act: IncidentAct): Promise<Incident> =>
      perform(tx, act, async (_, before) => {
        if (before.status !== 'resolved') throw new Problem('conflict', { detail: 'The incident is not resolved.' });
        await reopenIncident(tx, act.id);
        return { kind: 'reopened', news: 'reopened' };
      }),

    addNote: (tx: AuditedTx, act: IncidentAct): Promise<Incident> => perform(tx, act, async () => ({ kind: 'note' })),

    assign: (tx: AuditedTx, act: IncidentAct, ownerId: string | null): Promise<Incident> =>
      perform(tx, act, async () => {
        if (ownerId !== null && !(await isActivePerson(tx, ownerId)))
          throw invalidField('ownerId', 'not a person who can sign in');
        await setOwner(tx, act.id, ownerId);
        // By the id, as everybody stands in the timeline: what they are called is sealed where it is kept.
        return { kind: 'assigned', note: `to ${ownerId ?? 'nobody'}`, details: { ownerId } };
      }),

    changeSeverity: (tx: AuditedTx, act: IncidentAct, severity: IncidentSeverity): Promise<Incident> =>
      perform(tx, act, async (_, before) => {
        if (before.severity === severity)
          throw new Problem('conflict', { detail: `The severity is ${severity} already.` });
        await setSeverity(tx, act.id, severity);
        const news = isGraver(severity, before.severity) ? 'severity_raised' : undefined;
        const note = `${before.severity} → ${severity}: ${act.note}`;
        return { kind: 'severity', note, news, details: { from: before.severity, to: severity } };
      }),
  };
}
