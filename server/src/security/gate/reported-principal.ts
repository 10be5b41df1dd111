import type { Principal } from '../access/principal.ts';
import type { SecurityReport } from '../events/security-event.ts';

type Who = Pick<SecurityReport, 'organisationId' | 'user' | 'deviceId'>;

/** Who it was, as a report says it: a key under its own name, since it is the key that is taken away. */
export function whoOf(principal: Principal | undefined): Who {
  switch (principal?.kind) {
    case 'user':
      return { organisationId: principal.organisationId, user: { id: principal.userId, label: principal.email } };
    case 'apiKey':
      return { organisationId: principal.organisationId, user: { id: principal.keyId, label: principal.label } };
    case 'device':
      return { organisationId: principal.organisationId, deviceId: principal.deviceId };
    default:
      return {};
  }
}
