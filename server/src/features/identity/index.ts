// Identity: who people are, how they sign in, and what the organisation they belong to is called.
import type { Clock } from '../../lib/clock.ts';
import type { Revocations } from '../../security/access/revocations.ts';
import type { SigningKeyStore } from '../../security/access/signing-key-store.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { AccessTokens } from '../../security/crypto/access-tokens.ts';
import type { KeyRing } from '../../security/crypto/key-ring.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import { createFirstStart, type FirstStart } from './first-start.ts';
import { addIdentityRoutes } from './identity.routes.ts';
import { createInvitationService } from './invitation.service.ts';
import type { Passwords } from './passwords.ts';
import { addPeopleRoutes } from './people.routes.ts';
import { createSignInService } from './sign-in.service.ts';
import { createUserService } from './user.service.ts';
import { createVouchedAccounts, type VouchedAccounts } from './vouched-accounts.ts';

export type { HostActor } from './first-start.ts';

export interface IdentityDependencies {
  gate: EndpointGate;
  transactions: Transactions;
  passwords: Passwords;
  accessTokens: AccessTokens;
  signingKeys: SigningKeyStore;
  keyRing: KeyRing;
  revocations: Revocations;
  publicUrl: URL;
  clock: Clock;
}

export function createIdentity(deps: IdentityDependencies): {
  firstStart: FirstStart;
  vouchedAccounts: VouchedAccounts;
} {
  const users = createUserService(deps);
  const signIn = createSignInService(deps);
  const invitations = createInvitationService({ ...deps, signIn });
  addIdentityRoutes({ ...deps, signIn, invitations, users });
  addPeopleRoutes({ gate: deps.gate, users });
  return { firstStart: createFirstStart({ ...deps, users }), vouchedAccounts: createVouchedAccounts(deps) };
}
