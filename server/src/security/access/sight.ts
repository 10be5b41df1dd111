import type { Transactions } from '../audit/transactions.types.ts';
import type { KnownPrincipal } from './principal.ts';
import { readVisibleDevices } from './sight.repository.ts';

/** Which devices of the organisation somebody may know of. */
export interface Sight {
  sees(deviceId: string): boolean;
}

const everything: Sight = { sees: () => true };

/** Whether device groups bound what they see. A device only ever deals with itself, which topics and endpoints take care of. */
export const isLimited = (principal: KnownPrincipal): boolean =>
  principal.kind !== 'device' && principal.viewers.length > 0;

/**
 * The database bounds every query by itself; this is for what never asks it: what is shown live from memory, and points that are taken
 * into memory before they are stored.
 */
export async function sightOf(transactions: Pick<Transactions, 'read'>, principal: KnownPrincipal): Promise<Sight> {
  if (principal.kind === 'device' || principal.viewers.length === 0) return everything;
  const { organisationId, viewers } = principal;
  const visible = await transactions.read({ organisationId, viewers }, readVisibleDevices);
  return { sees: (deviceId) => visible.has(deviceId) };
}
