import { type Block, type BlockKind, type BlockScope, graceSeconds } from '@valtronics/contract';
import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { DEFAULT_PAGE, decodeCursor, pageOf } from '../../lib/cursor.ts';
import { isId, newId } from '../../lib/ids.ts';
import { invalidField, notFound, Problem } from '../../lib/problem.ts';
import { runsInstance } from '../../security/access/instance.repository.ts';
import type { People } from '../../security/access/people.ts';
import type { Member } from '../../security/access/principal.ts';
import type { AuditedTx, Reader } from '../../security/audit/tokens.ts';
import type { AllowList } from '../../security/shield/allow-list.ts';
import { type BlockRow, blockHistory, insertBlock, unlifted } from '../../security/shield/block.repository.ts';
import { isOfTheHost } from '../../security/shield/decisions.ts';
import { guessingRules } from '../../security/shield/guessing-rules.ts';
import { networkOf, overlap, subjectOf } from '../../security/shield/networks.ts';
import { findBlock, isOwnDevice, isOwnUser, type ListedBlock, liftBlock, listBlocks } from './block.repository.ts';

const position = z.tuple([z.iso.datetime(), z.uuid()]);
/** Half of the internet is no attacker; what is wider is a slip. */
const WIDEST = { 4: 8, 6: 16 } as const;

export interface BlockWish {
  readonly scope: BlockScope;
  readonly value: string;
  readonly kind: BlockKind;
  readonly seconds: number;
  readonly reason: string;
}

export const byOf = (member: Member) =>
  member.kind === 'user' ? { id: member.userId, label: member.email } : { id: member.keyId, label: member.label };

/** Addresses and networks are everybody's: only who runs the instance decides about them. */
export async function mustOperate(reader: Reader): Promise<void> {
  if (!(await runsInstance(reader)))
    throw new Problem('forbidden', { detail: 'Addresses are for the organisation that runs this instance.' });
}

export function createBlockService(deps: { people: People; allowList: Pick<AllowList, 'exemptIn'>; clock: Clock }) {
  const { people, allowList, clock } = deps;
  const shown = (row: ListedBlock): Block => presentBlock(row, row.label, clock.date());

  async function labelled(reader: Reader, rows: readonly ListedBlock[]): Promise<ListedBlock[]> {
    const ofPeople = rows.filter(({ scope }) => scope === 'user');
    const named = await people.named(reader, ofPeople, ['label'], 'email');
    const labels = new Map(named.map(({ id, label }) => [id, label]));
    return rows.map((row) => (row.scope === 'user' ? { ...row, label: labels.get(row.id) ?? null } : row));
  }

  async function find(reader: Reader, id: string): Promise<ListedBlock | undefined> {
    const row = await findBlock(reader, id);
    return row && (await labelled(reader, [row]))[0];
  }

  /** `from`: where the maker is, who would be next to knock. */
  async function subject(tx: Reader, by: Member, from: string, wish: BlockWish): Promise<string> {
    const { scope, value, kind } = wish;
    if (scope === 'user' || scope === 'device') {
      const id = value.toLowerCase();
      const isOwn = isId(id) && (await (scope === 'user' ? isOwnUser : isOwnDevice)(tx, id));
      if (!isOwn) throw invalidField('value', scope === 'user' ? 'not the id of a person' : 'not the id of a device');
      if (id === by.userId) throw keepsOutYourself();
      return id;
    }
    await mustOperate(tx);
    const found = subjectOf(scope, value);
    const network = found === undefined ? undefined : networkOf(found);
    if (found === undefined || network === undefined)
      throw invalidField('value', scope === 'ip' ? 'not an address' : 'not a network such as 203.0.113.0/24');
    if (network.prefix < WIDEST[network.family])
      throw invalidField('value', `no wider than /${WIDEST[network.family]}`);
    const exempt = allowList.exemptIn(network);
    if (exempt !== undefined)
      throw new Problem('conflict', {
        detail: `${exempt} is on the allow-list or a trusted proxy, and never blocked.`,
      });
    if (kind === 'ban' && isOfTheHost(network))
      throw new Problem('conflict', { detail: 'A ban of the host itself would end the sessions that could lift it.' });
    const own = networkOf(from);
    if (kind === 'ban' && own && overlap(own, network)) throw keepsOutYourself();
    return found;
  }

  return {
    async list(reader: Reader, query: ListQuery) {
      const limit = query.limit ?? DEFAULT_PAGE;
      const rows = await listBlocks(reader, {
        state: query.state ?? 'in_force',
        scope: query.scope,
        value: query.value === undefined ? undefined : sought(query.value),
        detectionId: query.detectionId,
        from: query.from,
        to: query.to,
        before: decodeCursor(query.cursor, position),
        limit: limit + 1,
        now: clock.date(),
      });
      return pageOf(await labelled(reader, rows), limit, shown, (row) => [row.position, row.id]);
    },

    async get(reader: Reader, id: string): Promise<Block> {
      const row = await find(reader, id);
      if (!row) throw notFound();
      return shown(row);
    },

    /** By hand, whatever was in force before: a person has looked. */
    async create(tx: AuditedTx, by: Member, from: string, wish: BlockWish): Promise<{ row: BlockRow; shown: Block }> {
      const { scope, kind, reason } = wish;
      const value = await subject(tx, by, from, wish);
      const now = clock.date();
      const since = new Date(now.getTime() - guessingRules.escalationMs);
      const nth = (await blockHistory(tx, scope, value, now, since)).recent + 1;
      const maker = byOf(by);
      const row: BlockRow = {
        ...unlifted,
        id: newId(),
        organisation_id: scope === 'user' || scope === 'device' ? by.organisationId : null,
        scope,
        value,
        kind,
        origin: 'manual',
        simulated: false,
        reason,
        scenario: null,
        detection_id: null,
        nth,
        evidence: {},
        created_at: now,
        created_by: maker.id,
        created_by_label: maker.label,
        expires_at: new Date(now.getTime() + wish.seconds * 1_000),
      };
      await insertBlock(tx, row);
      tx.describe({
        resource: { kind: 'block', id: row.id },
        details: { scope, value, kind, origin: row.origin, nth, expiresAt: row.expires_at.toISOString() },
      });
      const made = await find(tx, row.id);
      return { row, shown: presentBlock(row, made?.label ?? null, now) };
    },

    async lift(tx: AuditedTx, by: Member, id: string, grace = graceSeconds): Promise<{ row: BlockRow; shown: Block }> {
      const at = clock.date();
      const lifting = { at, by: byOf(by), graceUntil: new Date(at.getTime() + grace * 1_000) };
      const isLifted = await liftBlock(tx, id, lifting);
      const row = await find(tx, id);
      if (!row) throw notFound();
      if (!isLifted) throw new Problem('conflict', { detail: 'This block has ended already.' });
      tx.describe({
        resource: { kind: 'block', id },
        details: { scope: row.scope, value: row.value, kind: row.kind, lifted: 1, graceSeconds: grace },
      });
      return { row, shown: shown(row) };
    },
  };
}
export type BlockService = ReturnType<typeof createBlockService>;

interface ListQuery {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
  readonly state?: 'in_force' | 'ended' | 'all' | undefined;
  readonly scope?: BlockScope | undefined;
  readonly value?: string | undefined;
  readonly detectionId?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

const keepsOutYourself = () => new Problem('conflict', { detail: 'This would keep out yourself.' });

function sought(text: string): { text: string; network: string | null } {
  const found = subjectOf('ip', text) ?? subjectOf('range', text);
  return found === undefined ? { text: text.toLowerCase(), network: null } : { text: found, network: found };
}

function presentBlock(row: BlockRow, label: string | null, now: Date): Block {
  const who = (id: string | null, name: string | null) => (id === null ? null : { id, label: name });
  return {
    id: row.id,
    scope: row.scope,
    value: row.value,
    label,
    kind: row.kind,
    origin: row.origin,
    simulated: row.simulated,
    state: row.lifted_at !== null ? 'lifted' : row.expires_at > now ? 'in_force' : 'expired',
    reason: row.reason,
    scenario: row.scenario,
    detectionId: row.detection_id,
    nth: row.nth,
    evidence: row.evidence,
    createdAt: row.created_at.toISOString(),
    createdBy: who(row.created_by, row.created_by_label),
    expiresAt: row.expires_at.toISOString(),
    liftedAt: row.lifted_at?.toISOString() ?? null,
    liftedBy: who(row.lifted_by, row.lifted_by_label),
    graceUntil: row.grace_until?.toISOString() ?? null,
  };
}
