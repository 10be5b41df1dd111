import type { Device, DeviceStatus, FleetSummary } from '@valtronics/contract';
import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { DEFAULT_PAGE, decodeCursor, pageOf } from '../../lib/cursor.ts';
import { newId } from '../../lib/ids.ts';
import { invalidField, notFound, Problem } from '../../lib/problem.ts';
import type { Member } from '../../security/access/principal.ts';
import { isLimited } from '../../security/access/sight.ts';
import type { AuditedTx, Reader, SystemTx, WriteTx } from '../../security/audit/tokens.ts';
import { newOpaqueToken, tokenHash, tokenPrefixes } from '../../security/crypto/tokens.ts';
import { seesInClear, type Viewer } from '../../security/fields/show.ts';
import {
  type DeviceFields,
  deleteDevice,
  findDevice,
  listEvents,
  lockDevice,
  personExists,
} from './device.repository.ts';
import { type DeviceRecord, presentDevice, presentEvent } from './device.ts';
import { insertCredential } from './device-credential.repository.ts';
import { countDevices, type DeviceSort, deviceSorts, listLocations } from './device-list.repository.ts';
import { createDeviceRecords, type DeviceKeys } from './device-records.ts';

export interface DeviceInput {
  readonly name: string;
  readonly type: string;
  readonly location?: string | null | undefined;
  readonly serial?: string | null | undefined;
  readonly description?: string | null | undefined;
  readonly ownerId?: string | null | undefined;
  readonly silenceTimeoutSeconds?: number | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

type NewDevice = DeviceInput & { readonly health?: boolean | undefined };

export interface DeviceQuery {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
  readonly type?: string | undefined;
  readonly status?: DeviceStatus | undefined;
  readonly location?: string | undefined;
  readonly groupId?: string | undefined;
  readonly text?: string | undefined;
  readonly sort?: DeviceSort | undefined;
}

const DEFAULT_SILENCE_SECONDS = 120;
const MAX_LOCATIONS = 500;
const MAX_TYPES = 200;

const microseconds = z.string().regex(/^-?\d{1,17}$/);
const listPosition = z.tuple([z.enum(deviceSorts), z.string().max(480), z.uuid()]);
const eventPosition = z.tuple([microseconds, z.uuid()]);
// A label of spaces is no label.
const labelOf = (text: string | null | undefined) => text || null;

/** Its serial number may not open: that must keep nobody from revoking what it has, nor from deleting it. */
type DeviceUnopened = Omit<DeviceRecord, 'serial' | 'unreadable'>;

export type DeviceService = ReturnType<typeof createDeviceService>;

/** Devices as people see them. A device of another organisation is not found, like one that never was: the database shows neither. */
export function createDeviceService({ clock, dataKeys }: { clock: Clock; dataKeys: DeviceKeys }) {
  const records = createDeviceRecords(dataKeys);

  async function assertOwner(tx: Reader, ownerId: string | null): Promise<void> {
    if (ownerId !== null && !(await personExists(tx, ownerId))) throw invalidField('ownerId', 'no such person');
  }

  async function load(reader: Reader, id: string): Promise<DeviceRecord> {
    const device = await records.find(reader, id);
    if (!device) throw notFound();
    return device;
  }

  async function assertThere(reader: Reader, id: string): Promise<void> {
    if (!(await findDevice(reader, id))) throw notFound();
  }

  /** A device that cannot prove who it is yet; describing it is the caller's part. */
  async function add(
    tx: AuditedTx | SystemTx,
    organisationId: number,
    id: string,
    input: NewDevice,
  ): Promise<DeviceRecord> {
    const fields = newFields(input);
    await assertOwner(tx, fields.ownerId);
    return records.insert(tx, { ...fields, id, organisationId, health: input.health ?? false });
  }

  return {
    /** Rows that something else read or changed, as those that are loaded and listed here. */
    opened: records.opened,
    load,
    assertThere,
    add,

    async register(
      tx: AuditedTx | SystemTx,
      organisationId: number,
      input: NewDevice,
    ): Promise<{ device: Device; credential: { id: string; token: string } }> {
      const id = newId();
      const device = await add(tx, organisationId, id, input);
      const credential = { id: newId(), token: newOpaqueToken(tokenPrefixes.device) };
      await insertCredential(tx, {
        id: credential.id,
        organisationId,
        deviceId: id,
        label: null,
        tokenHash: tokenHash(credential.token),
        createdAt: clock.date(),
        expiresAt: null,
      });
      tx.describe({
        resource: { kind: 'device', id },
        details: { type: device.type, health: device.health, credentialId: credential.id },
      });
      return { device: presentDevice(device), credential };
    },

    /**
     * Who sees only some devices owns what they register, or would lose sight of it at once. What a limited key registers would be
     * seen by its owner and not by itself, so it registers nothing.
     */
    registerBy(tx: AuditedTx, by: Member, input: DeviceInput & { readonly health?: boolean | undefined }) {
      if (!isLimited(by)) return this.register(tx, by.organisationId, input);
      if (by.kind === 'apiKey' || (input.ownerId !== undefined && input.ownerId !== by.userId))
        throw new Problem('forbidden', { detail: 'Who sees only some devices registers them as their own.' });
      return this.register(tx, by.organisationId, { ...input, ownerId: by.userId });
    },

    async list(reader: Reader, viewer: Viewer & { readonly organisationId: number }, query: DeviceQuery) {
      const limit = query.limit ?? DEFAULT_PAGE;
      const sort = query.sort ?? 'name';
      const position = decodeCursor(query.cursor, listPosition);
      const after = position && listAfter(position, sort);
      const { type, status, location, groupId, text } = query;
      const filter = { type, status, location, groupId, text, searchesSerials: seesInClear('devices.serial', viewer) };
      const rows = await records.list(reader, viewer.organisationId, { ...filter, sort, after, limit: limit + 1 });
      return pageOf(rows, limit, presentDevice, (row) => [sort, row.sort_key, row.id]);
    },

    async summary(reader: Reader): Promise<FleetSummary> {
      const counts = await countDevices(reader);
      const byStatus = { online: 0, offline: 0, error: 0, maintenance: 0 };
      const byType = new Map<string, { type: string; total: number; online: number }>();
      let total = 0;
      for (const count of counts) {
        total += count.total;
        byStatus[count.status] += count.total;
        const ofType = byType.get(count.type) ?? { type: count.type, total: 0, online: 0 };
        ofType.total += count.total;
        if (count.status === 'online') ofType.online += count.total;
        byType.set(count.type, ofType);
      }
      const types = [...byType.values()].sort((a, b) => b.total - a.total).slice(0, MAX_TYPES);
      return { total, byStatus, byType: types, locations: await listLocations(reader, MAX_LOCATIONS) };
    },

    async events(reader: Reader, deviceId: string, query: { limit?: number | undefined; cursor?: string | undefined }) {
      await assertThere(reader, deviceId);
      const limit = query.limit ?? DEFAULT_PAGE;
      const before = decodeCursor(query.cursor, eventPosition);
      const rows = await listEvents(reader, { deviceId, before, limit: limit + 1 });
      return pageOf(rows, limit, presentEvent, (row) => [row.position, row.id]);
    },

    async change(
      tx: AuditedTx,
      by: Member,
      id: string,
      input: { readonly [F in keyof DeviceInput]?: DeviceInput[F] | undefined },
    ): Promise<{ device: DeviceRecord; typeChanged: boolean; ownerChanged: boolean }> {
      const before = await records.lock(tx, id);
      if (!before) throw notFound();
      const after = changedFields(before, input);
      const ownerChanged = after.ownerId !== before.owner_id;
      // The owner sees the device: who sees only some cannot widen it for others, nor take a device from its owner.
      if (ownerChanged && isLimited(by))
        throw new Problem('forbidden', { detail: 'Who sees only some devices does not change whose they are.' });
      if (ownerChanged) await assertOwner(tx, after.ownerId);
      const device = await records.update(tx, { ...after, id, organisationId: by.organisationId });
      // Names only: a description or metadata may hold what must not stand in the log for ever.
      const changed = Object.keys(input).filter((field) => input[field as keyof DeviceInput] !== undefined);
      tx.describe({ resource: { kind: 'device', id }, details: { changed } });
      return { device, typeChanged: device.type !== before.type, ownerChanged };
    },

    async remove(tx: AuditedTx, id: string): Promise<DeviceUnopened> {
      const device = await deleteDevice(tx, id);
      if (!device) throw notFound();
      tx.describe({ resource: { kind: 'device', id }, details: { name: device.name, type: device.type } });
      return device;
    },

    /** Keeps writers of the same device in a row; fails like a read where there is none. */
    async lock(tx: WriteTx, id: string): Promise<DeviceUnopened> {
      const device = await lockDevice(tx, id);
      if (!device) throw notFound();
      return device;
    },
  };
}

type ClearFields = Omit<DeviceFields, 'serial'> & { readonly serial: string | null | undefined };

function newFields(input: DeviceInput): ClearFields {
  return {
    name: input.name,
    type: input.type,
    location: labelOf(input.location),
    serial: labelOf(input.serial),
    description: labelOf(input.description),
    ownerId: input.ownerId ?? null,
    silenceTimeoutSeconds: input.silenceTimeoutSeconds ?? DEFAULT_SILENCE_SECONDS,
    metadata: input.metadata ?? {},
  };
}

/** One that does not open stays as it lies in the database. */
const unchangedSerial = ({ serial, unreadable }: DeviceRecord) => (unreadable.includes('serial') ? undefined : serial);

function changedFields(
  before: DeviceRecord,
  input: { readonly [F in keyof DeviceInput]?: DeviceInput[F] | undefined },
): ClearFields {
  return {
    name: input.name ?? before.name,
    type: input.type ?? before.type,
    location: input.location === undefined ? before.location : labelOf(input.location),
    serial: input.serial === undefined ? unchangedSerial(before) : labelOf(input.serial),
    description: input.description === undefined ? before.description : labelOf(input.description),
    ownerId: input.ownerId === undefined ? before.owner_id : input.ownerId,
    silenceTimeoutSeconds: input.silenceTimeoutSeconds ?? before.silence_timeout_seconds,
    metadata: input.metadata ?? before.metadata,
  };
}

/** A cursor belongs to the order it was made in, and its key to the type of that order. */
function listAfter([madeFor, key, id]: z.output<typeof listPosition>, sort: DeviceSort): readonly [string, string] {
  const keyFits = sort.endsWith('name') ? !key.includes('\0') : microseconds.safeParse(key).success;
  if (madeFor !== sort || !keyFits) throw invalidField('cursor', 'not a cursor of this list');
  return [key, id];
}
