import { credentialCreate, deviceRegister, devicesList } from '@valtronics/contract';
import type { SimulatedDevice } from '@valtronics/simulator';
import { z } from 'zod';
import type { ApiClient } from './api-client.ts';

/** How one simulated device proves itself. */
export const knownDevice = z.strictObject({ serial: z.string(), deviceId: z.string(), token: z.string() });
export type KnownDevice = z.infer<typeof knownDevice>;

export interface RegisteredDevice {
  readonly device: SimulatedDevice;
  readonly deviceId: string;
  readonly token: string;
}

/**
 * Registers those of the fleet that are not known yet. A known device somebody has deleted stays deleted; one that is registered but
 * whose credential was lost gets a new one.
 */
export async function registerFleet(
  api: ApiClient,
  fleet: readonly SimulatedDevice[],
  known: readonly KnownDevice[],
): Promise<RegisteredDevice[]> {
  const existing = new Map<string, string>();
  const ids = new Set<string>();
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await api.call(devicesList, { query: cursor ? { limit: 1000, cursor } : { limit: 1000 } });
    for (const { id, serial } of page.items) {
      ids.add(id);
      if (serial !== null) existing.set(serial, id);
    }
    cursor = page.nextCursor;
  }

  const members: RegisteredDevice[] = [];
  for (const device of fleet) {
    const remembered = known.find(({ serial }) => serial === device.serial);
    if (remembered) {
      const { deviceId, token } = remembered;
      if (ids.has(deviceId)) members.push({ device, deviceId, token });
      continue;
    }
    members.push({ device, ...(await register(api, device, existing.get(device.serial))) });
  }
  return members;
}

async function register(
  api: ApiClient,
  { name, type, location, serial, health }: SimulatedDevice,
  existingId: string | undefined,
): Promise<{ deviceId: string; token: string }> {
  if (existingId !== undefined) {
    const { token } = await api.call(credentialCreate, {
      params: { id: existingId },
      body: { label: 'simulator', othersExpireInSeconds: 0 },
    });
    return { deviceId: existingId, token };
  }
  const { device, credential } = await api.call(deviceRegister, { body: { name, type, location, serial, health } });
  return { deviceId: device.id, token: credential.token };
}
