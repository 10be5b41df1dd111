import * as contract from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import { Problem } from '../../lib/problem.ts';
import type { Authentication } from '../../security/access/authentication.ts';
import type { ApiKeyPrincipal, UserPrincipal } from '../../security/access/principal.ts';
import type { Revocations } from '../../security/access/revocations.ts';
import { JWKS_MAX_AGE_SECONDS } from '../../security/access/signing-key-rotation.ts';
import type { SigningKeyStore } from '../../security/access/signing-key-store.ts';
import type { Reader } from '../../security/audit/tokens.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { Guessing } from '../../security/shield/guessing.types.ts';
import { passwordAlone } from './factor-proofs.ts';
import { guessedAccount } from './guessed-account.ts';
import type { createInvitationService } from './invitation.service.ts';
import { currentOrganisation } from './organisation.repository.ts';
import type { SecondStepService } from './second-step.service.ts';
import { revokeSession } from './session.repository.ts';
import type { SessionService } from './session.service.ts';
import type { SignInService } from './sign-in.service.ts';
import type { UserService } from './user.service.ts';
import { presentMe } from './user.ts';

export interface IdentityRouteParts {
  gate: EndpointGate;
  transactions: Transactions;
  authentication: Pick<Authentication, 'session'>;
  signIn: SignInService;
  sessions: SessionService;
  secondStep: SecondStepService;
  invitations: ReturnType<typeof createInvitationService>;
  users: UserService;
  revocations: Revocations;
  guessing: Guessing;
  signingKeys: SigningKeyStore;
  clock: Clock;
}

interface BrowserCall {
  readonly deviceCookie: string | undefined;
  setSessionCookie(token: string): void;
  setDeviceCookie(token: string): void;
}

/** Signing in and out. */
export function addIdentityRoutes(parts: IdentityRouteParts): void {
  const {
    gate,
    transactions,
    authentication,
    signIn,
    sessions,
    secondStep,
    invitations,
    users,
    revocations,
    guessing,
    clock,
  } = parts;

  /** A key is told what it may itself, which can be less than its owner may. */
  const meOf = (principal: UserPrincipal | ApiKeyPrincipal): Promise<contract.Me> =>
    transactions.read(principal.organisationId, async (reader: Reader) =>
      presentMe(await users.load(reader, principal.userId), await currentOrganisation(reader), principal),
    );

  /**
   * Signed in: what the browser would be told at its next request, what is due included. From now on strangers who guess at the account
   * do not keep this browser out.
   */
  async function welcome(call: BrowserCall, sessionToken: string): Promise<contract.Me> {
    const principal = await authentication.session(sessionToken);
    if (!principal) throw new Problem('not_authenticated');
    call.setSessionCookie(sessionToken);
    const deviceToken = await guessing.rememberBrowser(guessedAccount(principal), call.deviceCookie);
    if (deviceToken !== undefined) call.setDeviceCookie(deviceToken);
    return meOf(principal);
  }

  gate.handle(contract.jwks, async () => ({
    contentType: 'application/jwk-set+json',
    body: JSON.stringify({ keys: parts.signingKeys.published() }),
    headers: { 'cache-control': `public, max-age=${JWKS_MAX_AGE_SECONDS}` },
  }));

  gate.handle(contract.login, async (call) => {
    const account = await signIn.prove(call.body.email, call.body.password, call);
    const more = await secondStep.begin(account, 'token');
    return more ? { mfa: more } : sessions.openTokens(call.writeAs, { account, proof: passwordAlone }, call);
  });

  gate.handle(contract.mfaVerify, async (call) =>
    sessions.openTokens(call.writeAs, await secondStep.finish(call.body, 'token', call), call),
  );

  gate.handle(contract.refresh, (call) => sessions.refresh(call.writeAs, call, call.body.refreshToken));

  gate.handle(contract.logout, async (call) => {
    await sessions.logout(call.writeAs, call, call.body.refreshToken);
    return undefined;
  });

  gate.handle(contract.sessionCreate, async (call) => {
    const account = await signIn.prove(call.body.email, call.body.password, call);
    const more = await secondStep.begin(account, 'browser');
    if (more) return { mfa: more };
    return welcome(call, await sessions.openBrowser(call.writeAs, { account, proof: passwordAlone }, call));
  });

  gate.handle(contract.passkeySignIn, () => secondStep.beginAlone());

  gate.handle(contract.sessionVerify, async (call) => {
    const proven = await secondStep.finish(call.body, 'browser', call);
    return welcome(call, await sessions.openBrowser(call.writeAs, proven, call));
  });

  gate.handle(contract.sessionDelete, async (call) => {
    const { sessionId, userId } = call.principal;
    await call.write(async (tx) => {
      const isOpen = await revokeSession(tx, { id: sessionId, userId }, 'signed out', clock.date());
      if (!isOpen) throw new Problem('not_authenticated');
      tx.describe({ resource: { kind: 'session', id: sessionId } });
    });
    await revocations.announce({ sessionId });
    call.setSessionCookie(null);
    return undefined;
  });

  gate.handle(contract.meGet, ({ principal }) => meOf(principal));

  gate.handle(contract.meChange, async ({ body, principal, write }) => {
    await write((tx) => users.rename(tx, principal, body.name));
    return meOf(principal);
  });

  gate.handle(contract.invitationInspect, async ({ body, address }) => {
    const found = await invitations.find(body.token, address);
    return {
      organisation: found.organisation,
      email: found.email,
      role: found.role,
      expiresAt: found.expires_at.toISOString(),
    };
  });

  gate.handle(contract.invitationAccept, async (call) =>
    welcome(call, await invitations.accept(call.writeAs, call, call.body)),
  );
}
