import * as contract from '@valtronics/contract';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { ApiKeyService } from './api-key.service.ts';
import type { DeviceGroupService } from './device-group.service.ts';
import type { RoleService } from './role.service.ts';

export function addRoleRoutes({ gate, roles }: { gate: EndpointGate; roles: RoleService }): void {
  gate.handle(contract.rolesList, async ({ read }) => ({
    items: await read((reader) => roles.list(reader)),
    nextCursor: null,
  }));

  gate.handle(contract.roleCreate, ({ body, principal, write }) => write((tx) => roles.create(tx, principal, body)));

  gate.handle(contract.roleChange, async ({ params, body, principal, write }) => {
    const role = await write((tx) => roles.change(tx, principal, params.name, body));
    await roles.changed(principal.organisationId, role.name);
    return role;
  });

  gate.handle(contract.roleDelete, async ({ params, principal, write }) => {
    await write((tx) => roles.remove(tx, principal, params.name));
    return undefined;
  });
}

export function addDeviceGroupRoutes({ gate, groups }: { gate: EndpointGate; groups: DeviceGroupService }): void {
  gate.handle(contract.deviceGroupsList, async ({ read }) => ({
    items: await read((reader) => groups.list(reader)),
    nextCursor: null,
  }));

  gate.handle(contract.deviceGroupGet, ({ params, read }) => read((reader) => groups.load(reader, params.id)));

  gate.handle(contract.deviceGroupCreate, ({ body, principal, write }) =>
    write((tx) => groups.create(tx, principal, body)),
  );

  gate.handle(contract.deviceGroupChange, async ({ params, body, principal, write }) => {
    const group = await write((tx) => groups.change(tx, principal, params.id, body));
    await groups.changed(principal.organisationId);
    return group;
  });

  gate.handle(contract.deviceGroupDelete, async ({ params, principal, write }) => {
    await write((tx) => groups.remove(tx, principal, params.id));
    await groups.changed(principal.organisationId);
    return undefined;
  });
}

export function addApiKeyRoutes({ gate, apiKeys }: { gate: EndpointGate; apiKeys: ApiKeyService }): void {
  gate.handle(contract.apiKeysList, ({ query, read }) => read((reader) => apiKeys.list(reader, query)));

  gate.handle(contract.apiKeyCreate, ({ body, principal, write }) =>
    write((tx) => apiKeys.createForService(tx, principal, body)),
  );

  gate.handle(contract.apiKeyRevoke, async ({ params, write }) => {
    await write((tx) => apiKeys.revoke(tx, { id: params.id, ownerId: null }));
    await apiKeys.revoked(params.id);
    return undefined;
  });

  gate.handle(contract.ownApiKeysList, ({ query, principal, read }) =>
    read((reader) => apiKeys.list(reader, { ...query, ownerId: principal.userId })),
  );

  gate.handle(contract.ownApiKeyCreate, ({ body, principal, write }) =>
    write((tx) => apiKeys.createOwn(tx, principal, body)),
  );

  gate.handle(contract.ownApiKeyRevoke, async ({ params, principal, write }) => {
    await write((tx) => apiKeys.revoke(tx, { id: params.id, ownerId: principal.userId }));
    await apiKeys.revoked(params.id);
    return undefined;
  });
}
