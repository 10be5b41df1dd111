import * as contract from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import { notFound, Problem } from '../../lib/problem.ts';
import type { Revocations } from '../../security/access/revocations.ts';
import type { SigningKeyStore } from '../../security/access/signing-key-store.ts';
import type { Reader } from '../../security/audit/tokens.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { createInvitationService } from './invitation.service.ts';
import { currentOrganisation } from './organisation.repository.ts';
import { listOpenSessions, revokeSession } from './session.repository.ts';
import { presentSession } from './session.ts';
import { actorOf, type SignInService } from './sign-in.service.ts';
import type { UserService } from './user.service.ts';
import { presentMe } from './user.ts';

export interface IdentityRouteParts {
  gate: EndpointGate;
  transactions: Transactions;
  signIn: SignInService;
  invitations: ReturnType<typeof createInvitationService>;
  users: UserService;
  revocations: Revocations;
  signingKeys: SigningKeyStore;
  clock: Clock;
}

/** Signing in and out, and what a person does with their own account. */
export function addIdentityRoutes(parts: IdentityRouteParts): void {
  const { gate, transactions, signIn, invitations, users, revocations, clock } = parts;

  const meOf = (organisationId: number, userId: string) =>
    transactions.read(organisationId, async (reader: Reader) =>
      presentMe(await users.load(reader, userId), await currentOrganisation(reader)),
    );

  gate.handle(contract.jwks, async () => ({
    contentType: 'application/jwk-set+json',
    body: JSON.stringify({ keys: parts.signingKeys.published() }),
    headers: { 'cache-control': 'public, max-age=300' },
  }));

  gate.handle(contract.login, async (call) => {
    const account = await signIn.prove(call.body.email, call.body.password, call);
    return signIn.openTokenSession(call.writeAs, account, call);
  });

  gate.handle(contract.refresh, (call) => signIn.refresh(call.writeAs, call.body.refreshToken));

  gate.handle(contract.logout, async (call) => {
    await signIn.logout(call.writeAs, call.body.refreshToken);
    return undefined;
  });

  gate.handle(contract.sessionCreate, async (call) => {
    const account = await signIn.prove(call.body.email, call.body.password, call);
    const token = await call.writeAs(
      { organisationId: account.organisation_id, actor: actorOf(account) },
      async (tx) => {
        const session = await signIn.openBrowserSession(tx, account, call);
        tx.describe({ resource: { kind: 'session', id: session.sessionId }, details: { kind: 'browser' } });
        return session.token;
      },
    );
    call.setSessionCookie(token);
    return meOf(account.organisation_id, account.user_id);
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

  // A key is told what it may itself, which can be less than its owner may.
  gate.handle(contract.meGet, async ({ principal }) => ({
    ...(await meOf(principal.organisationId, principal.userId)),
    permissions: [...principal.permissions],
  }));

  gate.handle(contract.sessionsList, async ({ principal, read }) => {
    const rows = await read((reader) => listOpenSessions(reader, principal.userId, clock.date()));
    return { items: rows.map((row) => presentSession(row, principal.sessionId)), nextCursor: null };
  });

  gate.handle(contract.sessionRevoke, async ({ params, principal, write }) => {
    await write(async (tx) => {
      if (!(await revokeSession(tx, { id: params.id, userId: principal.userId }, 'ended by its owner', clock.date())))
        throw notFound();
      tx.describe({ resource: { kind: 'session', id: params.id } });
    });
    await revocations.announce({ sessionId: params.id });
    return undefined;
  });

  gate.handle(contract.passwordChange, async ({ body, principal, read, write }) => {
    const current = await read((reader) => users.passwordOf(reader, principal.userId));
    const hash = await users.newPasswordHash(current, body.currentPassword, body.newPassword);
    const ended = await write((tx) => users.replacePassword(tx, principal, current.hash, hash));
    for (const sessionId of ended) await revocations.announce({ sessionId });
    return undefined;
  });

  gate.handle(contract.invitationInspect, async ({ body }) => {
    const found = await invitations.find(body.token);
    return {
      organisation: found.organisation,
      email: found.email,
      role: found.role,
      expiresAt: found.expires_at.toISOString(),
    };
  });

  gate.handle(contract.invitationAccept, async (call) => {
    const { account, sessionToken } = await invitations.accept(call.writeAs, call, call.body);
    call.setSessionCookie(sessionToken);
    return meOf(account.organisation_id, account.user_id);
  });
}
