import * as contract from '@valtronics/contract';
import { revealed } from '../../security/fields/reveal.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { DeviceService } from './device.service.ts';
import { presentDevice } from './device.ts';
import type { DeviceCommandService } from './device-command.service.ts';
import type { DeviceCredentialService } from './device-credential.service.ts';

/** Told after a change is committed. */
export interface DeviceChanges {
  registered(organisationId: number, device: contract.Device): Promise<void>;
  changed(
    organisationId: number,
    device: contract.Device,
    what: { readonly typeChanged: boolean; readonly ownerChanged: boolean },
  ): Promise<void>;
  removed(deviceId: string): Promise<void>;
  credentialsEnded(deviceId: string, credentialIds: readonly string[]): Promise<void>;
}

export function addDeviceRoutes(deps: {
  gate: EndpointGate;
  devices: DeviceService;
  credentials: DeviceCredentialService;
  commands: DeviceCommandService;
  changes: DeviceChanges;
}): void {
  const { gate, devices, credentials, commands, changes } = deps;

  gate.handle(contract.devicesList, ({ query, principal, read }) =>
    read((reader) => devices.list(reader, principal, query)),
  );

  gate.handle(contract.devicesSummary, ({ read }) => read((reader) => devices.summary(reader)));

  gate.handle(contract.deviceRegister, async ({ body, principal, write }) => {
    const registered = await write((tx) => devices.registerBy(tx, principal, body));
    await changes.registered(principal.organisationId, registered.device);
    return registered;
  });

  gate.handle(contract.deviceGet, ({ params, read }) =>
    read(async (reader) => presentDevice(await devices.load(reader, params.id))),
  );

  gate.handle(contract.deviceChange, async ({ params, body, principal, write }) => {
    const { device, ...what } = await write((tx) => devices.change(tx, principal, params.id, body));
    const shown = presentDevice(device);
    await changes.changed(principal.organisationId, shown, what);
    return shown;
  });

  gate.handle(contract.deviceReveal, ({ params, body, principal, write }) =>
    write(async (tx) => revealed(tx, principal, body, 'devices', await devices.load(tx, params.id))),
  );

  gate.handle(contract.deviceDelete, async ({ params, write }) => {
    const { id } = await write((tx) => devices.remove(tx, params.id));
    await changes.removed(id);
    return undefined;
  });

  gate.handle(contract.deviceEventsList, ({ params, query, read }) =>
    read((reader) => devices.events(reader, params.id, query)),
  );

  gate.handle(contract.credentialsList, ({ params, read }) => read((reader) => credentials.list(reader, params.id)));

  gate.handle(contract.credentialCreate, async ({ params, body, write }) => {
    const { id, token, shortened } = await write((tx) => credentials.create(tx, params.id, body));
    await changes.credentialsEnded(params.id, shortened);
    return { id, token };
  });

  gate.handle(contract.credentialRevoke, async ({ params, write }) => {
    await write((tx) => credentials.revoke(tx, params.id, params.credentialId));
    await changes.credentialsEnded(params.id, [params.credentialId]);
    return undefined;
  });

  gate.handle(contract.commandsList, ({ params, query, read }) =>
    read((reader) => commands.list(reader, params.id, query)),
  );

  gate.handle(contract.commandSend, async ({ params, body, principal, write }) => {
    const command = await write((tx) => commands.create(tx, principal, params.id, body));
    commands.dispatch(principal.organisationId, params.id, command);
    return command;
  });
}
