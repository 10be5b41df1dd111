// Identity: who people are, how they sign in, and what the organisation they belong to is called.
import type { Clock } from '../../lib/clock.ts';
import type { Job } from '../../platform/jobs/scheduler.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Mailer } from '../../platform/mail/mailer.ts';
import type { Authentication } from '../../security/access/authentication.ts';
import type { FactorPolicy } from '../../security/access/pending.ts';
import type { Revocations } from '../../security/access/revocations.ts';
import type { SigningKeyStore } from '../../security/access/signing-key-store.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { AccessTokens } from '../../security/crypto/access-tokens.ts';
import type { KeyRing } from '../../security/crypto/key-ring.ts';
import { createPasskeys } from '../../security/crypto/passkeys.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { Sealing } from '../../security/keys/data-keys.ts';
import type { Blocks } from '../../security/shield/blocks.ts';
import type { Guessing } from '../../security/shield/guessing.types.ts';
import { addAccountRoutes } from './account.routes.ts';
import { type AccountMailbox, createAccountMailbox } from './account-mailbox.ts';
import { createChallenges } from './challenges.ts';
import { createFactorService } from './factor.service.ts';
import { createFactorProofs } from './factor-proofs.ts';
import { createFirstStart, type FirstStart } from './first-start.ts';
import { identityJobs } from './identity.jobs.ts';
import { addIdentityRoutes } from './identity.routes.ts';
import { createInvitationService } from './invitation.service.ts';
import { createPasswordService } from './password.service.ts';
import type { Passwords } from './passwords.ts';
import { addPeopleRoutes } from './people.routes.ts';
import { createSecondStepService } from './second-step.service.ts';
import { createSessionService } from './session.service.ts';
import type { SessionTimes } from './session.ts';
import { createSignInService } from './sign-in.service.ts';
import { createStepUpService } from './step-up.service.ts';
import { createUserService } from './user.service.ts';
import { createUserRecords, type UserKeys } from './user-records.ts';
import { createVouchedAccounts, type VouchedAccounts } from './vouched-accounts.ts';

export type { HostActor } from './first-start.ts';

export interface IdentityDependencies {
  gate: EndpointGate;
  transactions: Transactions;
  passwords: Passwords;
  accessTokens: AccessTokens;
  signingKeys: SigningKeyStore;
  keyRing: KeyRing;
  dataKeys: Sealing & UserKeys;
  revocations: Revocations;
  authentication: Pick<Authentication, 'session'>;
  factorPolicy: FactorPolicy;
  mailer: Mailer;
  guessing: Guessing;
  blocks: Pick<Blocks, 'ofUser'>;
  sessionTimes: SessionTimes;
  dpopRequired: boolean;
  publicUrl: URL;
  clock: Clock;
  log: Logger;
}

export interface Identity {
  readonly firstStart: FirstStart;
  readonly vouchedAccounts: VouchedAccounts;
  readonly mailbox: AccountMailbox;
  readonly jobs: readonly Job[];
}

export function createIdentity(given: IdentityDependencies): Identity {
  const deps = { ...given, records: createUserRecords(given.dataKeys) };
  const passkeys = createPasskeys(deps);
  const mailbox = createAccountMailbox(deps);
  const challenges = createChallenges(deps);
  const proofs = createFactorProofs({ ...deps, passkeys });
  const users = createUserService({ ...deps, mailbox });
  const passwords = createPasswordService({ ...deps, mailbox });
  const signIn = createSignInService({ ...deps, mailbox });
  const sessions = createSessionService({ ...deps, mailbox });
  const secondStep = createSecondStepService({ ...deps, passkeys, challenges, proofs, mailbox });
  const invitations = createInvitationService({ ...deps, sessions });
  addIdentityRoutes({ ...deps, signIn, sessions, secondStep, invitations, users });
  addAccountRoutes({
    ...deps,
    factors: createFactorService({ ...deps, passkeys, challenges, mailbox }),
    stepUps: createStepUpService({ ...deps, challenges, proofs }),
    passwords,
    users,
  });
  addPeopleRoutes({ ...deps, users, passwords });
  return {
    firstStart: createFirstStart({ ...deps, users }),
    vouchedAccounts: createVouchedAccounts(deps),
    mailbox,
    jobs: [...mailbox.jobs, ...identityJobs(deps)],
  };
}
