import * as contract from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { Forwarder } from '../../security/siem/forwarder.ts';
import type { LinkOpener } from '../../security/siem/transports/open-link.ts';
import type { SiemDestinationService } from './siem-destination.service.ts';
import { sendTestEvent } from './siem-destination.test-event.ts';

export function addSiemDestinationRoutes(parts: {
  gate: EndpointGate;
  destinations: SiemDestinationService;
  forwarder: Pick<Forwarder, 'changed'>;
  openLink: LinkOpener;
  clock: Clock;
}): void {
  const { gate, destinations, forwarder } = parts;

  gate.handle(contract.siemDestinationsList, ({ read }) => read((reader) => destinations.list(reader)));

  gate.handle(contract.siemDestinationGet, ({ params, read }) => read((reader) => destinations.get(reader, params.id)));

  gate.handle(contract.siemDestinationCreate, async ({ body, principal, write }) => {
    const created = await write((tx) => destinations.create(tx, principal, body));
    await forwarder.changed();
    return created;
  });

  gate.handle(contract.siemDestinationChange, async ({ params, body, principal, write }) => {
    const changed = await write((tx) => destinations.change(tx, principal, params.id, body));
    await forwarder.changed();
    return changed;
  });

  gate.handle(contract.siemDestinationDelete, async ({ params, write }) => {
    await write((tx) => destinations.remove(tx, params.id));
    await forwarder.changed();
    return undefined;
  });

  gate.handle(contract.siemDestinationTest, async ({ params, principal, read, write }) => {
    const destination = await read((reader) => destinations.load(reader, params.id));
    const outcome = await sendTestEvent(parts, destination, principal.userId);
    const { name, target } = destination;
    await write(async (tx) => {
      tx.describe({ resource: { kind: 'siem_destination', id: params.id }, details: { name, target, ok: outcome.ok } });
    });
    return outcome;
  });

  gate.handle(contract.siemDestinationBackfill, async ({ params, body, principal, write }) => {
    const told = await write((tx) => destinations.backfill(tx, principal, params.id, body.from));
    await forwarder.changed();
    return told;
  });
}
