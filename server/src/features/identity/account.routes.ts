import * as contract from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import { notFound } from '../../lib/problem.ts';
import type { UserPrincipal } from '../../security/access/principal.ts';
import type { Revocations } from '../../security/access/revocations.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { FactorService } from './factor.service.ts';
import type { PasswordService } from './password.service.ts';
import { listOpenSessions, revokeSession, revokeSessionsOf } from './session.repository.ts';
import { presentSession } from './session.ts';
import type { StepUpService } from './step-up.service.ts';
import type { UserService } from './user.service.ts';

export interface AccountRouteParts {
  gate: EndpointGate;
  factors: FactorService;
  stepUps: StepUpService;
  passwords: PasswordService;
  users: UserService;
  revocations: Revocations;
  clock: Clock;
}

/** What people do with their own account: factors, fresh proofs, sessions and the password. */
export function addAccountRoutes(parts: AccountRouteParts): void {
  const { gate, factors, stepUps, passwords, users, revocations, clock } = parts;

  /** Sessions that were kept have something to prove now: their open connections are looked at again. */
  async function factorAdded({ userId }: UserPrincipal, ended: readonly string[]): Promise<void> {
    await passwords.announce(ended);
    await revocations.announce({ userId, recheck: true });
  }

  gate.handle(contract.factorsGet, ({ principal, read }) => read((reader) => factors.list(reader, principal.userId)));
  gate.handle(contract.totpBegin, ({ principal }) => factors.beginTotp(principal));

  gate.handle(contract.totpAdd, async ({ body, principal, write }) => {
    const { challenge, factor } = await factors.confirmTotp(principal, body.challengeId, body.code);
    const { answer, ended } = await write((tx) => factors.add(tx, principal, challenge, body, factor));
    await factorAdded(principal, ended);
    return answer;
  });

  gate.handle(contract.passkeyBegin, async ({ principal, read }) => {
    const { name } = await read((reader) => users.load(reader, principal.userId));
    return factors.beginPasskey(principal, name);
  });

  gate.handle(contract.passkeyAdd, async ({ body, principal, write }) => {
    const { challenge, factor } = await factors.confirmPasskey(principal, body.challengeId, body.attestation);
    const { answer, ended } = await write((tx) => factors.add(tx, principal, challenge, body, factor));
    await factorAdded(principal, ended);
    return answer;
  });

  gate.handle(contract.factorRemove, async ({ params, principal, write }) => {
    await write((tx) => factors.remove(tx, principal, params.id));
    return undefined;
  });

  gate.handle(contract.recoveryCodesRenew, async ({ principal, write }) => ({
    recoveryCodes: await write((tx) => factors.renewRecoveryCodes(tx, principal)),
  }));

  gate.handle(contract.stepUpBegin, async ({ principal }) => {
    const { methods, ...rest } = await stepUps.begin(principal);
    return { ...rest, methods: [...methods] };
  });

  gate.handle(contract.stepUp, async (call) => {
    const { principal } = call;
    const proof = await stepUps.check(principal, call.body, call);
    const { token, verifiedAt } = await call.write((tx) => stepUps.prove(tx, principal, proof));
    if (token !== null) call.setSessionCookie(token);
    return { verifiedAt };
  });

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

  gate.handle(contract.sessionsRevokeOthers, async ({ principal, write }) => {
    const { userId, sessionId } = principal;
    const ended = await write(async (tx) => {
      const others = await revokeSessionsOf(tx, { userId, exceptId: sessionId }, 'ended by its owner', clock.date());
      tx.describe({ resource: { kind: 'user', id: userId }, details: { endedSessions: others.length } });
      return others;
    });
    await passwords.announce(ended);
    return { ended: ended.length };
  });

  gate.handle(contract.passwordChange, async ({ body, principal, deviceCookie, read, write }) => {
    const current = await read((reader) => passwords.current(reader, principal.userId));
    const hash = await passwords.newHash(principal, current, body.currentPassword, body.newPassword, deviceCookie);
    const ended = await write((tx) => passwords.replace(tx, principal, current.hash, hash));
    await passwords.changed(principal, ended);
    return undefined;
  });

  gate.handle(contract.passwordForgot, async ({ body }) => {
    passwords.forgot(body.email);
    return undefined;
  });
  gate.handle(contract.passwordResetInspect, ({ body, address }) => passwords.inspect(body.token, address));
  gate.handle(contract.passwordReset, async ({ body, address, writeAs }) => {
    await passwords.reset(writeAs, address, body.token, body.newPassword);
    return undefined;
  });
}
