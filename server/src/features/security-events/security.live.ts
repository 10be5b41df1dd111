import { securityStream } from '@valtronics/contract';
import type { Notices } from '../../platform/db/notices.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { StreamGate } from '../../security/gate/streams.ts';
import {
  newestPosition,
  operatingOrganisation,
  type SecurityEventRow,
  securityEventsAfter,
} from './security-event.repository.ts';
import { presentEvent } from './security-event.ts';

type Send = (row: SecurityEventRow) => void;

const EVENTS_A_LOOK = 500;
/** Under a flood a screen is told of the newest; the list has them all. */
const LOOK_EVERY_MS = 250;

/**
 * Hands new events to who looks at them now. They are read from the table, so a subscriber hears what any server wrote, and only while there
 * is a subscriber.
 */
export function createSecurityFeed(deps: {
  streamGate: StreamGate;
  transactions: Pick<Transactions, 'readAcross'>;
  notices: Pick<Notices, 'onNotice' | 'onGap'>;
  log: Logger;
}): void {
  const { streamGate, transactions, notices, log } = deps;
  const listeners = new Map<number, Set<Send>>();
  let position: string | undefined;
  let operator: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  let looking = false;

  streamGate.onSubscribe(securityStream, ({ principal, send }) => {
    const { organisationId } = principal;
    const listener: Send = (row) =>
      send({ type: 'security', event: presentEvent(row) }, row.id, row.device_id ?? undefined);
    const ofOrganisation = listeners.get(organisationId) ?? new Set();
    listeners.set(organisationId, ofOrganisation.add(listener));
    lookSoon();
    return () => {
      ofOrganisation.delete(listener);
      if (ofOrganisation.size > 0 || listeners.get(organisationId) !== ofOrganisation) return;
      listeners.delete(organisationId);
      // Who comes next begins at what is newest then.
      if (listeners.size === 0) position = undefined;
    };
  });

  notices.onNotice('security_events', lookSoon);
  notices.onGap(lookSoon);

  function lookSoon(): void {
    if (listeners.size === 0 || timer || looking) return;
    timer = setTimeout(look, position === undefined ? 0 : LOOK_EVERY_MS).unref();
  }

  async function look(): Promise<void> {
    timer = undefined;
    looking = true;
    let isMore = false;
    try {
      if (position === undefined) {
        [position, operator] = await transactions.readAcross(async (reader) => [
          await newestPosition(reader),
          await operatingOrganisation(reader),
        ]);
      } else {
        const after = position;
        const rows = await transactions.readAcross((reader) => securityEventsAfter(reader, after, EVENTS_A_LOOK));
        for (const row of rows) tell(row);
        if (listeners.size > 0) position = rows.at(-1)?.position ?? after;
        isMore = rows.length === EVENTS_A_LOOK;
      }
    } catch (error) {
      log.warn({ err: error }, 'security events could not be read for who looks at them');
    } finally {
      looking = false;
    }
    if (isMore) lookSoon();
  }

  function tell(row: SecurityEventRow): void {
    const owner = row.organisation_id ?? operator;
    if (owner !== undefined) for (const send of listeners.get(owner) ?? []) send(row);
  }
}
