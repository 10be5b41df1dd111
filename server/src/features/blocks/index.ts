// Blocks: what is kept out, by whom it may be lifted, who is never kept out, and which firewalls elsewhere obey. What holds is held and
// enforced by `security/shield` and the gate.
import type { Clock } from '../../lib/clock.ts';
import type { AddressList } from '../../platform/config/addresses.ts';
import type { People } from '../../security/access/people.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { AllowList } from '../../security/shield/allow-list.ts';
import type { Blocks } from '../../security/shield/blocks.ts';
import { createAllowListService } from './allow-list.service.ts';
import { addBlockRoutes } from './block.routes.ts';
import { createBlockService } from './block.service.ts';
import { createBouncerService } from './bouncer.service.ts';

export function createBlocks(deps: {
  gate: EndpointGate;
  transactions: Transactions;
  people: People;
  blocks: Blocks;
  allowList: AllowList;
  settings: { readonly trustedProxies: AddressList; readonly allowList: AddressList };
  clock: Clock;
}): void {
  const { gate, transactions, people, blocks, allowList, settings, clock } = deps;
  addBlockRoutes({
    gate,
    blocks,
    allowList,
    service: createBlockService({ people, allowList, clock }),
    allowed: createAllowListService({ ...settings, clock }),
    bouncers: createBouncerService({ transactions, allowList, clock }),
  });
}
