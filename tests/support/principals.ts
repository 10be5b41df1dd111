import type { Role } from '@valtronics/contract';
import { newId } from '../../server/src/lib/ids.ts';
import type { UserPrincipal } from '../../server/src/security/access/principal.ts';
import { permissionsOf } from '../../server/src/security/access/roles.ts';

/** A person who signed in a moment ago and has nothing due. */
export function aUserPrincipal(role: Role, own: Partial<UserPrincipal> = {}): UserPrincipal {
  return {
    kind: 'user',
    userId: newId(),
    organisationId: 1,
    role,
    permissions: permissionsOf(role, null),
    viewers: [],
    email: 'someone@example.org',
    sessionId: newId(),
    via: 'token',
    verifiedAt: new Date(),
    factor: 'totp',
    pending: null,
    expiresAt: new Date(Date.now() + 3_600_000),
    ...own,
  };
}
