import type { DeviceGroup, DeviceGroupWithDevices } from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import { invalidField, notFound, Problem } from '../../lib/problem.ts';
import { mustSeeEverything } from '../../security/access/giving.ts';
import type { UserPrincipal } from '../../security/access/principal.ts';
import type { Revocations } from '../../security/access/revocations.ts';
import type { AuditedTx, Reader } from '../../security/audit/tokens.ts';
import {
  type DeviceGroupRecord,
  deleteGroup,
  findGroup,
  insertGroup,
  listGroups,
  lockGroup,
  renameGroup,
  replaceDevices,
} from './device-group.repository.ts';

const MAX_GROUPS = 200;

export interface DeviceGroupInput {
  readonly name?: string | undefined;
  readonly deviceIds?: readonly string[] | undefined;
}

export type DeviceGroupService = ReturnType<typeof createDeviceGroupService>;

/** Groups decide who sees what, so they are for those who manage people and see the whole fleet. */
export function createDeviceGroupService({ revocations, clock }: { revocations: Revocations; clock: Clock }) {
  async function load(reader: Reader, id: string): Promise<DeviceGroupWithDevices> {
    const group = await findGroup(reader, id);
    if (!group) throw notFound();
    return { ...present(group), deviceIds: group.device_ids };
  }

  async function fill(tx: AuditedTx, id: string, deviceIds: readonly string[]): Promise<void> {
    if (!(await replaceDevices(tx, id, deviceIds))) throw invalidField('deviceIds', 'there is no such device');
  }

  const nameTaken = () =>
    new Problem('conflict', { errors: [{ path: 'name', message: 'there is a group of this name' }] });

  return {
    load,

    async list(reader: Reader): Promise<DeviceGroup[]> {
      return (await listGroups(reader)).map(present);
    },

    async create(tx: AuditedTx, by: UserPrincipal, input: DeviceGroupInput & { readonly name: string }) {
      mustSeeEverything(by);
      if ((await listGroups(tx)).length >= MAX_GROUPS)
        throw new Problem('conflict', { detail: `An organisation has at most ${MAX_GROUPS} device groups.` });
      const id = newId();
      if (!(await insertGroup(tx, { id, name: input.name, at: clock.date() }))) throw nameTaken();
      await fill(tx, id, input.deviceIds ?? []);
      const group = await load(tx, id);
      tx.describe({ resource: { kind: 'device_group', id }, details: { devices: group.devices } });
      return group;
    },

    async change(tx: AuditedTx, by: UserPrincipal, id: string, input: DeviceGroupInput) {
      mustSeeEverything(by);
      if (!(await lockGroup(tx, id))) throw notFound();
      if (input.name !== undefined && !(await renameGroup(tx, id, input.name))) throw nameTaken();
      if (input.deviceIds) await fill(tx, id, input.deviceIds);
      const group = await load(tx, id);
      tx.describe({
        resource: { kind: 'device_group', id },
        details: { changed: Object.keys(input), devices: group.devices },
      });
      return group;
    },

    /** Who was limited to it stays limited: less is seen, never more. */
    async remove(tx: AuditedTx, by: UserPrincipal, id: string): Promise<void> {
      mustSeeEverything(by);
      if (!(await deleteGroup(tx, id))) throw notFound();
      tx.describe({ resource: { kind: 'device_group', id } });
    },

    /** After the change is committed: what open connections show follows within a second. */
    changed: (organisationId: number) => revocations.announce({ organisationId, sight: true }),
  };
}

const present = (row: DeviceGroupRecord): DeviceGroup => ({
  id: row.id,
  name: row.name,
  devices: row.devices,
  people: row.people,
  apiKeys: row.api_keys,
  createdAt: row.created_at.toISOString(),
});
