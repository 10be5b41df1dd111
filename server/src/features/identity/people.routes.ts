import * as contract from '@valtronics/contract';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import { currentOrganisation, type OrganisationRecord, updateOrganisation } from './organisation.repository.ts';
import type { UserService } from './user.service.ts';
import { presentUser } from './user.ts';

/** What administrators do: people and the organisation's settings. */
export function addPeopleRoutes({ gate, users }: { gate: EndpointGate; users: UserService }): void {
  gate.handle(contract.usersList, ({ query, read }) => read((reader) => users.list(reader, query)));

  gate.handle(contract.userGet, ({ params, read }) =>
    read(async (reader) => presentUser(await users.load(reader, params.id))),
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

  gate.handle(contract.settingsGet, ({ read }) =>
    read(async (reader) => presentSettings(await currentOrganisation(reader))),
  );

  gate.handle(contract.settingsChange, ({ body, write }) =>
    write(async (tx) => {
      const before = await currentOrganisation(tx);
      await updateOrganisation(tx, {
        name: body.name ?? before.name,
        retentionDays: body.retentionDays ?? before.retention_days,
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
});
