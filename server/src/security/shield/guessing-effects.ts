import { newId } from '../../lib/ids.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { AuditSubject } from '../audit/audit-event.ts';
import { appendAuditEvent } from '../audit/audit-log.ts';
import type { UnauditedTx } from '../audit/tokens.ts';
import { type BlockRow, blockHistory, insertBlock, unlifted } from './block.repository.ts';
import { addCookieFailure } from './device-cookie.repository.ts';
import {
  addAccountFailure,
  countAttempts,
  countFailures,
  type GuessKeys,
  markSuspicious,
} from './guessing.repository.ts';
import { blockMs, guessingRules } from './guessing-rules.ts';

const REASON = 'five or more attempts to prove a password, code or token failed within an hour';
const machine = { kind: 'system', id: 'guessing', label: null } as const;

/** What follows from an attempt. Runs in its transaction, under the locks of its keys, so of two failures at once exactly one is the fifth. */
export function createGuessingEffects({ log }: { log: Logger }) {
  /** Returns the blocks that were made; tell of them after the commit. */
  async function afterFailures(tx: UnauditedTx, failed: readonly GuessKeys[], now: Date): Promise<BlockRow[]> {
    const blocks: BlockRow[] = [];
    for (const { account, factor, cookie } of failed) {
      if (account === null || factor !== null) continue;
      if (cookie !== null) await addCookieFailure(tx, cookie, guessingRules.cookieFailures);
      else if ((await addAccountFailure(tx, account, now)) === guessingRules.failuresToRecovery)
        log.warn({ event: 'account.recovery_needed' }, 'an account takes no password any more until it is reset');
    }
    for (const address of new Set(failed.map((keys) => keys.address))) {
      if (address === null) continue;
      const block = await blockIfDue(tx, address, now);
      if (block) blocks.push(block);
      await afterAttempt(tx, address, now);
    }
    return blocks;
  }

  async function blockIfDue(tx: UnauditedTx, address: string, now: Date): Promise<BlockRow | undefined> {
    const dayAgo = new Date(now.getTime() - guessingRules.escalationMs);
    const history = await blockHistory(tx, 'ip', address, now, dayAgo);
    // What was still being looked at when the block came does not extend it.
    if (history.until !== null) return undefined;
    const windowStart = now.getTime() - guessingRules.windowMs;
    const since = new Date(Math.max(windowStart, history.lifted_at?.getTime() ?? windowStart));
    const failures = await countFailures(tx, address, since);
    if (failures < guessingRules.failuresToBlock) return undefined;
    const nth = history.recent + 1;
    const block: BlockRow = {
      ...unlifted,
      id: newId(),
      organisation_id: null,
      scope: 'ip',
      value: address,
      kind: 'block',
      origin: 'guessing',
      simulated: false,
      reason: REASON,
      scenario: null,
      detection_id: null,
      nth,
      evidence: { failures, nth },
      created_at: now,
      created_by: null,
      created_by_label: null,
      expires_at: new Date(now.getTime() + blockMs(nth)),
    };
    await insertBlock(tx, block);
    await record(tx, 'block.created', address, {
      resource: { kind: 'block', id: block.id },
      details: { scope: block.scope, value: block.value, failures, nth, expiresAt: block.expires_at.toISOString() },
    });
    log.warn(
      { event: 'block.created', address, failures, nth, until: block.expires_at.toISOString() },
      'an address is blocked',
    );
    return block;
  }

  /** Marks the address when it has tried often enough, refused attempts included; once an hour. */
  async function afterAttempt(tx: UnauditedTx, address: string, now: Date): Promise<void> {
    const since = new Date(now.getTime() - guessingRules.windowMs);
    const attempts = await countAttempts(tx, address, since);
    if (attempts < guessingRules.attemptsToSuspect) return;
    if (!(await markSuspicious(tx, address, attempts, now, since))) return;
    await record(tx, 'address.suspicious', address, { resource: null, details: { attempts } });
    log.warn({ event: 'address.suspicious', address, attempts }, 'an address is suspicious');
  }

  return { afterFailures, afterAttempt, reason: REASON };
}

/** Of the instance, since a guesser belongs to no organisation. */
async function record(
  tx: UnauditedTx,
  event: 'block.created' | 'address.suspicious',
  address: string,
  subject: AuditSubject,
): Promise<void> {
  const context = { organisationId: null, actor: machine, address, requestId: null };
  await appendAuditEvent(tx, { ...context, ...subject, event, outcome: 'success' });
}
