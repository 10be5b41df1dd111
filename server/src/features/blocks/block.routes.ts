import * as contract from '@valtronics/contract';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { AllowList } from '../../security/shield/allow-list.ts';
import type { Blocks } from '../../security/shield/blocks.ts';
import type { AllowListService } from './allow-list.service.ts';
import type { BlockService } from './block.service.ts';
import type { BouncerService } from './bouncer.service.ts';

export function addBlockRoutes(parts: {
  gate: EndpointGate;
  blocks: Pick<Blocks, 'announce' | 'announceLifted'>;
  allowList: Pick<AllowList, 'changed'>;
  service: BlockService;
  allowed: AllowListService;
  bouncers: BouncerService;
}): void {
  const { gate, blocks, allowList, service, allowed, bouncers } = parts;

  gate.handle(contract.blocksList, ({ query, read }) => read((reader) => service.list(reader, query)));

  gate.handle(contract.blockGet, ({ params, read }) => read((reader) => service.get(reader, params.id)));

  gate.handle(contract.blockCreate, async ({ body, principal, address, write }) => {
    const made = await write((tx) => service.create(tx, principal, address, body));
    await blocks.announce(made.row);
    return made.shown;
  });

  gate.handle(contract.blockLift, async ({ params, body, principal, write }) => {
    const lifted = await write((tx) => service.lift(tx, principal, params.id, body.graceSeconds));
    await blocks.announceLifted([lifted.row]);
    return lifted.shown;
  });

  gate.handle(contract.allowListList, ({ read }) => read((reader) => allowed.list(reader)));

  gate.handle(contract.allowListAdd, async ({ body, principal, write }) => {
    const { entry, lifted } = await write((tx) => allowed.add(tx, principal, body));
    await allowList.changed();
    await blocks.announceLifted(lifted);
    return { entry, lifted: lifted.length };
  });

  gate.handle(contract.allowListRemove, async ({ params, write }) => {
    await write((tx) => allowed.remove(tx, params.id));
    await allowList.changed();
    return undefined;
  });

  gate.handle(contract.bouncersList, ({ read }) => read((reader) => bouncers.list(reader)));

  gate.handle(contract.bouncerCreate, ({ body, principal, write }) =>
    write((tx) => bouncers.create(tx, principal, body.name)),
  );

  gate.handle(contract.bouncerDelete, async ({ params, write }) => {
    await write((tx) => bouncers.remove(tx, params.id));
    return undefined;
  });

  gate.handle(contract.decisionsStream, ({ principal, query, address, userAgent }) =>
    bouncers.stream(principal, query, { address, userAgent }),
  );
}
