import * as contract from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import { Problem } from '../../lib/problem.ts';
import { mustNotBeAbove } from '../../security/access/giving.ts';
import type { ApiKeyPrincipal, UserPrincipal } from '../../security/access/principal.ts';
import { revealed } from '../../security/fields/reveal.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import { currentOrganisation, type OrganisationRecord, updateOrganisation } from './organisation.repository.ts';
import type { PasswordService } from './password.service.ts';
import { listOpenSessions } from './session.repository.ts';
import { presentSession } from './session.ts';
import type { UserService } from './user.service.ts';
import { presentUser } from './user.ts';

/** What administrators do: people and the organisation's settings. */
export function addPeopleRoutes(parts: {
  gate: EndpointGate;
  users: UserService;
  passwords: PasswordService;
  clock: Clock;
}): void {
  const { gate, users, passwords, clock } = parts;

  gate.handle(contract.usersList, ({ query, principal, read }) =>
    read((reader) => users.list(reader, principal, query)),
  );

  gate.handle(contract.userGet, ({ params, read }) =>
    read(async (reader) => presentUser(await users.load(reader, params.id))),
  );

  gate.handle(contract.userReveal, ({ params, body, principal, write }) =>
    write(async (tx) => revealed(tx, principal, body, 'users', await users.load(tx, params.id))),
  );

  gate.handle(contract.userInvite, ({ body, principal, write }) => write((tx) => users.create(tx, principal, body)));

  gate.handle(contract.serviceAccountCreate, ({ body, principal, write }) =>
    write((tx) => users.createServiceAccount(tx, principal, body)),
  );

  gate.handle(contract.userChange, async ({ params, body, principal, write }) => {
    const { user, changesRights } = await write((tx) => users.change(tx, principal, params.id, body));
    if (changesRights) await users.rightsChanged(principal.organisationId, params.id);
    return user;
  });

  gate.handle(contract.userInviteAgain, ({ params, principal, write }) =>
    write((tx) => users.inviteAgain(tx, principal, params.id)),
  );

  gate.handle(contract.userFactorsReset, async ({ params, principal, write }) => {
    const { user, ended } = await write((tx) => users.resetFactors(tx, principal, params.id));
    await passwords.announce(ended);
    return user;
  });

  gate.handle(contract.userPasswordReset, ({ params, principal, write }) =>
    write(async (tx) => {
      const { email, status } = await users.load(tx, params.id);
      await mustNotBeAbove(tx, principal, params.id);
      if (status !== 'active')
        throw new Problem('conflict', { detail: 'Only an active account has a password to replace.' });
      return passwords.issueLink(tx, { organisationId: principal.organisationId, userId: params.id, email });
    }),
  );

  gate.handle(contract.userSessionsList, async ({ params, principal, read }) => {
    const rows = await read(async (reader) => {
      await users.load(reader, params.id);
      return listOpenSessions(reader, params.id, clock.date());
    });
    return { items: rows.map((row) => presentSession(row, currentOf(principal))), nextCursor: null };
  });

  gate.handle(contract.userSessionsRevoke, async ({ params, principal, write }) => {
    const ended = await write((tx) => users.endSessions(tx, principal, params.id));
    await passwords.announce(ended);
    return { ended: ended.length };
  });

  gate.handle(contract.settingsGet, ({ read }) =>
    read(async (reader) => presentSettings(await currentOrganisation(reader))),
  );

  gate.handle(contract.settingsChange, ({ body, write }) =>
    write(async (tx) => {
      const before = await currentOrganisation(tx);
      await updateOrganisation(tx, {
        name: body.name ?? before.name,
        retentionDays: body.retentionDays ?? before.retention_days,
        personalDataPolicy: body.personalDataPolicy ?? before.personal_data_policy,
      });
      tx.describe({
        resource: { kind: 'organisation', id: before.public_id },
        details: { changed: Object.keys(body) },
      });
      return presentSettings(await currentOrganisation(tx));
    }),
  );
}

const presentSettings = (row: OrganisationRecord): contract.Settings => ({
  id: row.public_id,
  name: row.name,
  retentionDays: row.retention_days,
  personalDataPolicy: row.personal_data_policy,
});

/** The session that asks, if it is one. */
const currentOf = (principal: UserPrincipal | ApiKeyPrincipal): string | null =>
  principal.kind === 'user' ? principal.sessionId : null;
