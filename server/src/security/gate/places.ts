import { boundedCache } from '../../lib/bounded-cache.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Principal } from '../access/principal.ts';
import type { SecurityEvents, SecurityReport } from '../events/security-event.ts';
import { addressKey } from '../shield/client-address.ts';
import { whoOf } from './reported-principal.ts';

const MOST_REMEMBERED = 100_000;
/** What was not used for so long has no place any more. */
const REMEMBERED_MS = 3_600_000;

/**
 * From where each session and each credential of a device was used last. One that moves is reported; one that moves there and back within
 * minutes is used in two places at once, which is for detection to say. Asked at every request, so it is a look into a map.
 */
export function createPlaces({ events, clock }: { events: SecurityEvents; clock: Clock }) {
  const last = boundedCache<string>(MOST_REMEMBERED, clock);

  return {
    seen(principal: Principal, address: string, transport: SecurityReport['transport']): void {
      const name = nameOf(principal);
      if (name === undefined) return;
      const before = last.get(name);
      if (before === address) return;
      last.set(name, address, clock.now() + REMEMBERED_MS);
      if (before === undefined) return;
      const place = network(address);
      const from = network(before);
      if (place === from) return;
      const isDevice = principal.kind === 'device';
      events.report({
        action: isDevice ? 'device.moved' : 'session.moved',
        outcome: 'success',
        level: 'warning',
        transport,
        address,
        ...whoOf(principal),
        details: { from, to: place, credential: name },
      });
    },
  };
}

/** A /24 of IPv4, a /64 of IPv6: within one, an address changes without anybody having moved. */
function network(address: string): string {
  const key = addressKey(address);
  return key.includes(':') ? key : `${key.split('.').slice(0, 3).join('.')}.0/24`;
}

function nameOf(principal: Principal): string | undefined {
  if (principal.kind === 'user') return `session:${principal.sessionId}`;
  return principal.kind === 'device' ? `credential:${principal.credentialId}` : undefined;
}
