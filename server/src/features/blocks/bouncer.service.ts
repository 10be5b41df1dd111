import type { BouncerEntry, Decision } from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import { notFound, Problem } from '../../lib/problem.ts';
import type { BouncerPrincipal, Member } from '../../security/access/principal.ts';
import type { AuditedTx, Reader } from '../../security/audit/tokens.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import { newOpaqueToken, tokenHash, tokenPrefixes } from '../../security/crypto/tokens.ts';
import type { AllowList } from '../../security/shield/allow-list.ts';
import { networkOf, networkText } from '../../security/shield/networks.ts';
import { byOf, mustOperate } from './block.service.ts';
import {
  type BouncerRow,
  type DecisionRow,
  deleteBouncer,
  insertBouncer,
  listBansEndedSince,
  listBansSince,
  listBouncers,
  touchBouncer,
} from './bouncer.repository.ts';

const MOST_BOUNCERS = 100;
const MOST_DECISIONS = 100_000;
/** A row may commit a while after the time that stands in it. Telling a firewall something twice changes nothing. */
const OVERLAP_MS = 30_000;
/** Where the question before the last is not known: after a start, or when another server had it. Stock firewalls ask every 10 s. */
const UNKNOWN_MS = 10 * 60_000;
const MOST_REMEMBERED = 1_000;
const ORIGIN = 'valtronics';

export interface StreamQuery {
  readonly startup?: 'true' | 'false' | undefined;
  readonly scopes?: string | undefined;
  readonly origins?: string | undefined;
  readonly scenarios_containing?: string | undefined;
  readonly scenarios_not_containing?: string | undefined;
}

/** Firewalls elsewhere, and what they are told: bans of addresses and networks, since those alone stop everything from there. */
export function createBouncerService(deps: {
  transactions: Pick<Transactions, 'unaudited'>;
  allowList: Pick<AllowList, 'exemptIn'>;
  clock: Clock;
}) {
  const { transactions, allowList, clock } = deps;

  const lastAsked = createLastAsked();

  const isFree = ({ value }: DecisionRow): boolean => {
    const network = networkOf(value);
    return network !== undefined && allowList.exemptIn(network) === undefined;
  };

  return {
    async list(reader: Reader) {
      return { items: (await listBouncers(reader, MOST_BOUNCERS)).map(present), nextCursor: null };
    },

    async create(tx: AuditedTx, by: Member, name: string): Promise<{ bouncer: BouncerEntry; key: string }> {
      await mustOperate(tx);
      if ((await listBouncers(tx, MOST_BOUNCERS)).length >= MOST_BOUNCERS)
        throw new Problem('conflict', { detail: `There are ${MOST_BOUNCERS} firewalls already.` });
      const key = newOpaqueToken(tokenPrefixes.bouncer);
      const maker = byOf(by);
      const row: BouncerRow = {
        id: newId(),
        name,
        created_at: clock.date(),
        created_by: maker.id,
        created_by_label: maker.label,
        last_seen_at: null,
        last_address: null,
        user_agent: null,
      };
      if (!(await insertBouncer(tx, by.organisationId, { ...row, key_hash: tokenHash(key) })))
        throw new Problem('conflict', { detail: 'A firewall of this name exists.' });
      tx.describe({ resource: { kind: 'bouncer', id: row.id }, details: { name } });
      return { bouncer: present(row), key };
    },

    async remove(tx: AuditedTx, id: string): Promise<void> {
      await mustOperate(tx);
      if (!(await deleteBouncer(tx, id))) throw notFound();
      tx.describe({ resource: { kind: 'bouncer', id } });
    },

    /**
     * Everything at start-up, then what came and went since the question before the last of this firewall: whether it heard the last answer
     * nobody knows.
     */
    async stream(
      { bouncerId, organisationId }: BouncerPrincipal,
      query: StreamQuery,
      from: { address: string; userAgent: string | null },
    ): Promise<{ new: Decision[]; deleted: Decision[] }> {
      return transactions.unaudited(organisationId, 'api_key_touch', async (tx) => {
        const now = clock.date();
        const seen = await touchBouncer(tx, bouncerId, { ...from, at: now });
        const isBeginning = seen === null || query.startup === 'true';
        const known = isBeginning ? now : lastAsked.before(bouncerId, seen);
        lastAsked.remember(bouncerId, isBeginning ? now : seen);
        const since = isBeginning ? null : new Date(known.getTime() - OVERLAP_MS);
        const made = (await listBansSince(tx, since, now, MOST_DECISIONS)).filter(isFree);
        const ended = since === null ? [] : await listBansEndedSince(tx, since, now, MOST_DECISIONS);
        const told = (rows: readonly DecisionRow[]) =>
          rows.map((row) => presentDecision(row, now)).filter((one) => isAskedFor(one, query));
        return { new: told(made), deleted: told(ended) };
      });
    },
  };
}
export type BouncerService = ReturnType<typeof createBouncerService>;

/** When each firewall asked the time before the last, as far as this server answered it. */
function createLastAsked() {
  const times = new Map<string, Date>();
  return {
    before(id: string, last: Date): Date {
      const time = times.get(id) ?? new Date(last.getTime() - UNKNOWN_MS);
      return time < last ? time : last;
    },
    remember(id: string, last: Date): void {
      if (times.size >= MOST_REMEMBERED && !times.has(id)) times.clear();
      times.set(id, last);
    },
  };
}

const present = (row: BouncerRow): BouncerEntry => ({
  id: row.id,
  name: row.name,
  createdAt: row.created_at.toISOString(),
  createdBy: row.created_by === null ? null : { id: row.created_by, label: row.created_by_label },
  lastSeenAt: row.last_seen_at?.toISOString() ?? null,
  lastAddress: row.last_address,
  userAgent: row.user_agent,
});

function presentDecision(row: DecisionRow, now: Date): Decision {
  const network = networkOf(row.value);
  const value = network ? networkText(network) : row.value;
  return {
    id: Number(row.number),
    origin: ORIGIN,
    type: 'ban',
    // An address of IPv6 stands for its /64.
    scope: value.includes('/') ? 'Range' : 'Ip',
    value,
    scenario: `${ORIGIN}/${row.scenario ?? row.origin}`,
    duration: `${(row.expires_at.getTime() - now.getTime()) / 1_000}s`,
  };
}

const listOf = (text: string | undefined): string[] | undefined =>
  text === undefined || text === '' ? undefined : text.toLowerCase().split(',', 50);

function isAskedFor({ scope, origin, scenario }: Decision, query: StreamQuery): boolean {
  const holds = (word: string): boolean => scenario.includes(word);
  return (
    listOf(query.scopes)?.includes(scope.toLowerCase()) !== false &&
    listOf(query.origins)?.includes(origin) !== false &&
    listOf(query.scenarios_containing)?.some(holds) !== false &&
    listOf(query.scenarios_not_containing)?.some(holds) !== true
  );
}
