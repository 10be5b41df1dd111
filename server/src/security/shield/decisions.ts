import type { BlockKind, BlockScope } from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import { isId, newId } from '../../lib/ids.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { SystemTx } from '../audit/tokens.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import type { Detection, DetectionAnswer } from '../detection/detection.ts';
import type { AllowList } from './allow-list.ts';
import {
  type BlockHistory,
  type BlockRow,
  blockHistory,
  findBlockOfDetection,
  insertBlock,
  unlifted,
} from './block.repository.ts';
import type { Blocks } from './blocks.ts';
import { lockKeys } from './guessing.repository.ts';
import { blockMs, guessingRules } from './guessing-rules.ts';
import { lockOfAddress } from './locks.ts';
import { type Network, networkOf, overlap, subjectOf } from './networks.ts';

const machine = { kind: 'system', id: 'detection', label: null } as const;
/** Of the ids of events only as many as an incident shows; the detection has them all. */
const MOST_EVENTS = 50;

/** Who works on this host itself. A ban would end their sessions, and they are the ones who can lift it. */
const OF_THE_HOST = ['127.0.0.1', '::1'].flatMap((text) => networkOf(text) ?? []);
export const isOfTheHost = (network: Network): boolean => OF_THE_HOST.some((own) => overlap(own, network));

interface Subject {
  readonly scope: BlockScope;
  readonly value: string;
  readonly kind: BlockKind;
  readonly organisationId: number | null;
}

/** There is nothing to decide, so nothing is written: the transaction rolls back. */
class NotDue extends Error {
  readonly already: BlockRow | undefined;
  constructor(already?: BlockRow) {
    super('not due');
    this.already = already;
  }
}

/** Turns what was detected into what is kept out. */
export function createDecisions(deps: {
  transactions: Pick<Transactions, 'system'>;
  blocks: Pick<Blocks, 'announce'>;
  allowList: Pick<AllowList, 'exemptIn'>;
  clock: Clock;
  log: Logger;
}): { follow: DetectionAnswer } {
  const { transactions, blocks, allowList, clock, log } = deps;

  /** Whom it falls on, or undefined with a line in the log when it can fall on nobody. */
  function subjectFor({ id, scenario, subject, organisationId, response }: Detection): Subject | undefined {
    const spare = (why: string): undefined => {
      log.info(
        { event: 'block.spared', detection: id, scenario, scope: subject.scope, why },
        'nobody is blocked for this',
      );
      return undefined;
    };
    const { decision } = response;
    if (decision === 'none') return undefined;
    if (subject.scope === 'user' || subject.scope === 'device') {
      if (organisationId === null || !isId(subject.value)) return spare('nobody of an organisation');
      return { scope: subject.scope, value: subject.value, kind: decision, organisationId };
    }
    if (subject.scope !== 'ip' && subject.scope !== 'range') return spare('not a single subject');
    const value = subjectOf(subject.scope, subject.value);
    const network = value === undefined ? undefined : networkOf(value);
    if (value === undefined || network === undefined) return spare('not an address');
    const exempt = allowList.exemptIn(network);
    if (exempt !== undefined) return spare(`${exempt} is never blocked`);
    const kind = isOfTheHost(network) ? 'block' : decision;
    return { scope: subject.scope, value, kind, organisationId: null };
  }

  async function decide(tx: SystemTx, detection: Detection, subject: Subject): Promise<BlockRow> {
    const { scope, value } = subject;
    await lockKeys(tx, [lockOfAddress(value)]);
    const already = await findBlockOfDetection(tx, detection.id);
    if (already) throw new NotDue(already);
    const now = clock.date();
    const since = new Date(now.getTime() - guessingRules.escalationMs);
    const history = await blockHistory(tx, scope, value, now, since);
    if (isSettled(history, subject.kind, now)) throw new NotDue();
    const nth = history.recent + 1;
    const block: BlockRow = {
      ...unlifted,
      id: newId(),
      organisation_id: subject.organisationId,
      scope,
      value,
      kind: subject.kind,
      origin: 'detection',
      simulated: detection.simulated,
      reason: detection.name.slice(0, 200),
      scenario: detection.scenario,
      detection_id: detection.id,
      nth,
      evidence: {
        count: detection.count,
        severity: detection.severity,
        technique: detection.technique,
        firstAt: detection.firstAt.toISOString(),
        lastAt: detection.lastAt.toISOString(),
        events: detection.events.slice(0, MOST_EVENTS),
      },
      created_at: now,
      created_by: null,
      created_by_label: null,
      expires_at: new Date(now.getTime() + blockMs(nth)),
    };
    await insertBlock(tx, block);
    tx.describe({
      resource: { kind: 'block', id: block.id },
      details: {
        scope,
        value,
        kind: block.kind,
        scenario: block.scenario,
        detectionId: detection.id,
        nth,
        simulated: block.simulated,
        expiresAt: block.expires_at.toISOString(),
      },
    });
    return block;
  }

  return {
    async follow(detection) {
      const subject = subjectFor(detection);
      if (!subject) return;
      const who = { organisationId: subject.organisationId, actor: machine, event: 'block.created' } as const;
      try {
        const block = await transactions.system(who, (tx) => decide(tx, detection, subject));
        if (block.simulated) return;
        const { scope, value, kind, nth, scenario, expires_at } = block;
        log.warn(
          { event: 'block.created', scope, value, kind, nth, scenario, until: expires_at.toISOString() },
          'something detected is kept out',
        );
        await blocks.announce(block);
      } catch (error) {
        if (!(error instanceof NotDue)) throw error;
        // Whoever decided may have ended before telling.
        if (error.already && isInForce(error.already, clock.now())) await blocks.announce(error.already);
      }
    },
  };
}

const isInForce = ({ simulated, lifted_at, expires_at }: BlockRow, now: number): boolean =>
  !simulated && lifted_at === null && expires_at.getTime() > now;

/** What goes on while it is kept out does not extend it; and somebody has just said that it may come in. */
const isSettled = ({ until, ban_until, grace_until }: BlockHistory, kind: BlockKind, now: Date): boolean =>
  (kind === 'ban' ? ban_until : until) !== null || (grace_until !== null && grace_until > now);
