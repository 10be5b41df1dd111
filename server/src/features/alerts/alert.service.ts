import type { Alert, AlertStatus, alertGet, alertsSummary, Page, Severity } from '@valtronics/contract';
import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { DEFAULT_PAGE, decodeCursor, pageOf } from '../../lib/cursor.ts';
import { notFound, Problem } from '../../lib/problem.ts';
import type { Member } from '../../security/access/principal.ts';
import type { AuditedTx, Reader } from '../../security/audit/tokens.ts';
import { isOpened } from '../../security/keys/person-values.ts';
import {
  acknowledgeAlert,
  countAlerts,
  findAlerts,
  listAlerts,
  lockAlert,
  namesOfPeople,
  resolveAlert,
} from './alert.repository.ts';
import { type AlertRow, type Announcement, SEVERITIES, type Transition, toAlert } from './alert.ts';
import { countEvents, type EventKind, insertEvents, listEvents } from './alert-event.repository.ts';
import type { AlertSeals } from './alert-seals.ts';
import { enqueueNotifications } from './notification-outbox.repository.ts';

const MAX_EVENTS = 1000;
const DAY_MS = 86_400_000;
const position = z.tuple([z.iso.datetime(), z.uuid()]);

export interface AlertListQuery {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
  readonly status?: AlertStatus | undefined;
  readonly open?: 'true' | undefined;
  readonly severity?: Severity | undefined;
  readonly deviceId?: string | undefined;
  readonly ruleId?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** Somebody looks at alerts, and may see what those of class health say of values, or not. */
export interface AlertLook {
  readonly reader: Reader;
  readonly seesHealth: boolean;
}

/** What a person does to an alert. */
export interface AlertAct {
  readonly by: Member;
  readonly id: string;
  readonly note: string | undefined;
}

export interface AlertService {
  list(look: AlertLook, query: AlertListQuery): Promise<Page<Alert>>;
  summary(reader: Reader): Promise<z.infer<typeof alertsSummary.response>>;
  get(look: AlertLook, id: string): Promise<z.infer<typeof alertGet.response>>;
  acknowledge(tx: AuditedTx, act: AlertAct): Promise<Announcement>;
  /** Ends an alert by hand. Its rule stays quiet until the condition has cleared once. */
  resolve(tx: AuditedTx, act: AlertAct): Promise<Announcement>;
  addNote(tx: AuditedTx, act: AlertAct): Promise<Alert>;
}

export function createAlertService({ clock, seals }: { clock: Clock; seals: AlertSeals }): AlertService {
  async function load(reader: Reader, id: string): Promise<Alert> {
    const [row] = await seals.named(reader, await findAlerts(reader, [id]), namesOfPeople);
    if (row === undefined) throw notFound();
    return toAlert(row);
  }

  async function lock(tx: AuditedTx, id: string): Promise<AlertStatus> {
    const status = await lockAlert(tx, id);
    if (status === undefined) throw notFound();
    if ((await countEvents(tx, id)) >= MAX_EVENTS)
      throw new Problem('conflict', { detail: 'The history of this alert is full.' });
    return status;
  }

  async function append(tx: AuditedTx, act: AlertAct, kind: EventKind, at: Date): Promise<Alert> {
    const event = { organisationId: act.by.organisationId, alertId: act.id, at, byUser: act.by.userId };
    await insertEvents(tx, [{ ...event, kind, note: act.note ?? null }]);
    const alert = await load(tx, act.id);
    tx.describe({ resource: { kind: 'alert', id: act.id }, details: { deviceId: alert.deviceId } });
    return alert;
  }

  async function announced(tx: AuditedTx, act: AlertAct, transition: Transition, at: Date): Promise<Announcement> {
    const kind = transition === 'acknowledged' ? 'acknowledged' : 'resolved';
    const alert = await append(tx, act, kind, at);
    const announcement = { organisationId: act.by.organisationId, alert, transition };
    await enqueueNotifications(tx, [announcement], at);
    return announcement;
  }

  return {
    async list({ reader, seesHealth }, query) {
      const limit = query.limit ?? DEFAULT_PAGE;
      const after = decodeCursor(query.cursor, position);
      const rows = await listAlerts(
        reader,
        {
          status: query.status,
          isOpen: query.open === 'true',
          severity: query.severity,
          deviceId: query.deviceId,
          ruleId: query.ruleId,
          from: query.from === undefined ? undefined : new Date(query.from),
          to: query.to === undefined ? undefined : new Date(query.to),
          after: after && { raisedAt: new Date(after[0]), id: after[1] },
        },
        limit + 1,
      );
      const shown: AlertRow[] = [];
      for (const row of await seals.named(reader, rows, namesOfPeople))
        shown.push(seesHealth ? await seals.openAlert(row) : row);
      return pageOf(shown, limit, toAlert, (row) => [row.raisedAt.toISOString(), row.id]);
    },

    async summary(reader) {
      const counts = await countAlerts(reader, new Date(clock.now() - DAY_MS));
      const bySeverity = (status: AlertStatus): Record<Severity, number> => {
        const count = (severity: Severity): number =>
          counts.open.find((row) => row.status === status && row.severity === severity)?.count ?? 0;
        const [info, warning, critical] = SEVERITIES;
        return { info: count(info), warning: count(warning), critical: count(critical) };
      };
      return {
        active: bySeverity('active'),
        acknowledged: bySeverity('acknowledged'),
        resolvedLast24h: counts.resolved,
      };
    },

    async get({ reader, seesHealth }, id) {
      const [row] = await seals.named(reader, await findAlerts(reader, [id]), namesOfPeople);
      if (row === undefined) throw notFound();
      const alert = toAlert(seesHealth ? await seals.openAlert(row) : row);
      const events: z.infer<typeof alertGet.response>['events'] = [];
      const history = await seals.named(reader, await listEvents(reader, id, MAX_EVENTS), ['by']);
      for (const { id: eventId, noteSealed, subject, at, ...event } of history) {
        const opened =
          noteSealed !== null && seesHealth
            ? await seals.openNote(row.organisationId, eventId, { sealed: noteSealed, subject })
            : event.note;
        events.push({ ...event, note: isOpened(opened) ? opened : null, at: at.toISOString() });
      }
      return { ...alert, events };
    },

    async acknowledge(tx, act) {
      const status = await lock(tx, act.id);
      if (status !== 'active') throw new Problem('conflict', { detail: `The alert is ${status} already.` });
      const at = clock.date();
      await acknowledgeAlert(tx, act.id, at, act.by.userId);
      return announced(tx, act, 'acknowledged', at);
    },

    async resolve(tx, act) {
      const status = await lock(tx, act.id);
      if (status === 'resolved') throw new Problem('conflict', { detail: 'The alert is resolved already.' });
      const at = clock.date();
      await resolveAlert(tx, act.id, at, act.by.userId);
      return announced(tx, act, 'resolved', at);
    },

    async addNote(tx, act) {
      await lock(tx, act.id);
      return append(tx, act, 'note', clock.date());
    },
  };
}
