import type { AlertRule, AlertRuleInput, Page } from '@valtronics/contract';
import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { DEFAULT_PAGE, decodeCursor, pageOf } from '../../lib/cursor.ts';
import { newId } from '../../lib/ids.ts';
import { invalidField, notFound, Problem } from '../../lib/problem.ts';
import type { Member } from '../../security/access/principal.ts';
import { isLimited } from '../../security/access/sight.ts';
import type { AuditedTx, Reader } from '../../security/audit/tokens.ts';
import type { Announcement } from './alert.ts';
import { lockRuleAlone, openAlertsOfRule } from './alert-recording.repository.ts';
import { recordCleared } from './alert-recording.ts';
import {
  countRules,
  deleteRule,
  findRule,
  hasDevice,
  insertRule,
  listRules,
  nextRevision,
  type RuleRow,
  updateRule,
} from './alert-rule.repository.ts';
import type { AlertSeals } from './alert-seals.ts';
import { type RuleFields, ruleFields, ruleSentence } from './rule.ts';
import { forgetStates } from './rule-state.repository.ts';
import { forgetSilences } from './silence.repository.ts';

const MAX_RULES = 1000;
const position = z.tuple([z.string().max(120), z.uuid()]);

export interface RuleListQuery {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
  readonly deviceId?: string | undefined;
}

export interface AlertRuleService {
  list(reader: Reader, query: RuleListQuery): Promise<Page<AlertRule>>;
  get(reader: Reader, id: string): Promise<AlertRule>;
  create(tx: AuditedTx, by: Member, input: AlertRuleInput): Promise<AlertRule>;
  /** Replaces a rule; what it left open clears, and is to be announced once the change has committed. */
  change(
    tx: AuditedTx,
    by: Member,
    id: string,
    input: AlertRuleInput,
  ): Promise<{ rule: AlertRule; announcements: Announcement[] }>;
  remove(tx: AuditedTx, by: Member, id: string): Promise<Announcement[]>;
}

export function createAlertRuleService({ clock, seals }: { clock: Clock; seals: AlertSeals }): AlertRuleService {
  async function load(reader: Reader, id: string): Promise<RuleRow> {
    const rule = await findRule(reader, id);
    if (rule === undefined) throw notFound();
    return rule;
  }

  async function checked(reader: Reader, input: AlertRuleInput): Promise<RuleFields> {
    const fields = ruleFields(input);
    if (fields.deviceId !== null && !(await hasDevice(reader, fields.deviceId)))
      throw invalidField('deviceId', 'there is no such device');
    return fields;
  }

  /**
   * Ends what the rule has open and forgets where it stood. The order of locks is that of the evaluation (silences, the rule, alerts,
   * states), so the two wait for each other instead of deadlocking.
   */
  async function retire(tx: AuditedTx, id: string, write: () => Promise<void>, note: string): Promise<Announcement[]> {
    await forgetSilences(tx, id);
    await lockRuleAlone(tx, id);
    await write();
    const open = await openAlertsOfRule(tx, id);
    const announcements = await recordCleared(
      tx,
      open.map((alertId) => ({ alertId, note })),
      { now: clock.date(), seals },
    );
    await forgetStates(tx, id);
    return announcements;
  }

  return {
    async list(reader, query) {
      const limit = query.limit ?? DEFAULT_PAGE;
      const after = decodeCursor(query.cursor, position);
      const rows = await listRules(reader, { deviceId: query.deviceId, after }, limit + 1);
      return pageOf(rows, limit, toContract, (row) => [row.name.toLowerCase(), row.id]);
    },

    async get(reader, id) {
      return toContract(await load(reader, id));
    },

    async create(tx, by, input) {
      const fields = await checked(tx, input);
      mustSeeAllOf(by, fields);
      // The row this locks makes the changes of one organisation take turns, so the count below holds.
      const revision = await nextRevision(tx, by.organisationId);
      if ((await countRules(tx)) >= MAX_RULES)
        throw new Problem('conflict', { detail: `There are ${MAX_RULES} rules already; remove one first.` });
      const id = newId();
      await insertRule(tx, by.organisationId, { ...fields, id, revision, at: clock.date() });
      tx.describe({ resource: { kind: 'alert_rule', id }, details: { rule: ruleSentence(fields) } });
      return toContract(await load(tx, id));
    },

    async change(tx, by, id, input) {
      mustSeeAllOf(by, await load(tx, id));
      const fields = await checked(tx, input);
      mustSeeAllOf(by, fields);
      const write = async (): Promise<void> => {
        const revision = await nextRevision(tx, by.organisationId);
        await updateRule(tx, { ...fields, id, revision, at: clock.date() });
      };
      const note = fields.enabled ? 'the rule was changed' : 'the rule was switched off';
      const announcements = await retire(tx, id, write, note);
      tx.describe({
        resource: { kind: 'alert_rule', id },
        details: { rule: ruleSentence(fields), enabled: fields.enabled, clearedAlerts: announcements.length },
      });
      return { rule: toContract(await load(tx, id)), announcements };
    },

    async remove(tx, by, id) {
      const rule = await load(tx, id);
      mustSeeAllOf(by, rule);
      const write = async (): Promise<void> => {
        await nextRevision(tx, by.organisationId);
        await deleteRule(tx, id);
      };
      const announcements = await retire(tx, id, write, 'the rule was deleted');
      tx.describe({
        resource: { kind: 'alert_rule', id },
        details: { rule: ruleSentence(rule), clearedAlerts: announcements.length },
      });
      return announcements;
    },
  };
}

/**
 * A rule for a type or the whole fleet tells of devices its maker may not see, and disturbs those who do. Who sees only some devices may
 * read such rules, since they raise alerts about theirs, and make rules for single devices.
 */
function mustSeeAllOf(by: Member, rule: Pick<RuleFields, 'deviceId'>): void {
  if (rule.deviceId === null && isLimited(by))
    throw new Problem('forbidden', { detail: 'Who sees only some devices makes rules for one of them at a time.' });
}

function toContract({ organisationId: _, revision: __, createdAt, updatedAt, ...rule }: RuleRow): AlertRule {
  return { ...rule, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() };
}
