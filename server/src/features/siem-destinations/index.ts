// Destinations of security events: who gets them, how far they have been told, and whether they can be reached.

import type { Clock } from '../../lib/clock.ts';
import type { Outbound } from '../../platform/outbound/outbound.ts';
import type { OutboundTls } from '../../platform/outbound/outbound-tls.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { Sealing } from '../../security/keys/data-keys.ts';
import { createForwarder, type Forwarder, type ForwarderOptions } from '../../security/siem/forwarder.ts';
import type { FilePlaces } from '../../security/siem/transports/file-link.ts';
import { createLinkOpener } from '../../security/siem/transports/open-link.ts';
import { addSiemDestinationRoutes } from './siem-destination.routes.ts';
import { createSiemDestinationService } from './siem-destination.service.ts';

export interface SiemDestinationsDependencies extends Omit<ForwarderOptions, 'openLink'> {
  readonly gate: EndpointGate;
  readonly dataKeys: Sealing;
  readonly outbound: Outbound;
  readonly outboundTls: OutboundTls;
  readonly places: FilePlaces;
  readonly publicUrl: URL;
  readonly clock: Clock;
}

export function createSiemDestinations(deps: SiemDestinationsDependencies): Pick<Forwarder, 'start' | 'stop'> {
  const openLink = createLinkOpener({ ...deps, host: deps.publicUrl.hostname });
  const forwarder = createForwarder({ ...deps, openLink });
  const destinations = createSiemDestinationService(deps);
  addSiemDestinationRoutes({ ...deps, destinations, forwarder, openLink });
  return forwarder;
}
