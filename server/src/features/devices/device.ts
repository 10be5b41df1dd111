import type { Device, DeviceCommand, DeviceCredential, DeviceEvent, DeviceStatus } from '@valtronics/contract';

export interface DeviceRecord {
  readonly id: string;
  readonly organisation_id: number;
  readonly owner_id: string | null;
  readonly name: string;
  readonly type: string;
  readonly status: DeviceStatus;
  readonly status_since: Date;
  readonly location: string | null;
  readonly serial: string | null;
  /** There is a serial number, which does not open. */
  readonly unreadable: readonly 'serial'[];
  readonly description: string | null;
  readonly health: boolean;
  readonly silence_timeout_seconds: number;
  readonly metadata: Record<string, unknown>;
  readonly last_seen_at: Date | null;
  readonly created_at: Date;
  readonly updated_at: Date;
}

export interface CredentialRecord {
  readonly id: string;
  readonly label: string | null;
  readonly created_at: Date;
  readonly expires_at: Date | null;
  readonly revoked_at: Date | null;
  readonly last_used_at: Date | null;
}

export interface CommandRecord {
  readonly id: string;
  readonly name: string;
  readonly payload: unknown;
  readonly status: DeviceCommand['status'];
  readonly response: unknown;
  readonly created_by_name: string | null;
  readonly created_at: Date;
  readonly sent_at: Date | null;
  readonly finished_at: Date | null;
  readonly timeout_seconds: number;
}

export interface EventRecord {
  readonly id: string;
  readonly at: Date;
  readonly kind: 'status';
  readonly status: DeviceStatus;
  readonly reason: string;
}

const instant = (date: Date) => date.toISOString();
const instantOrNull = (date: Date | null) => date?.toISOString() ?? null;

export function presentDevice(row: DeviceRecord): Device {
  return {
    id: row.id,
    name: row.name,
    type: row.type,
    status: row.status,
    location: row.location,
    serial: row.serial,
    unreadable: row.unreadable[0] ?? null,
    description: row.description,
    ownerId: row.owner_id,
    health: row.health,
    silenceTimeoutSeconds: row.silence_timeout_seconds,
    metadata: row.metadata,
    lastSeenAt: instantOrNull(row.last_seen_at),
    statusSince: instant(row.status_since),
    createdAt: instant(row.created_at),
    updatedAt: instant(row.updated_at),
  };
}

export function presentCredential(row: CredentialRecord): DeviceCredential {
  return {
    id: row.id,
    label: row.label,
    createdAt: instant(row.created_at),
    expiresAt: instantOrNull(row.expires_at),
    revokedAt: instantOrNull(row.revoked_at),
    lastUsedAt: instantOrNull(row.last_used_at),
  };
}

export function presentCommand(row: CommandRecord): DeviceCommand {
  return {
    id: row.id,
    name: row.name,
    payload: row.payload,
    status: row.status,
    response: row.response,
    createdBy: row.created_by_name,
    createdAt: instant(row.created_at),
    sentAt: instantOrNull(row.sent_at),
    finishedAt: instantOrNull(row.finished_at),
    timeoutSeconds: row.timeout_seconds,
  };
}

export function presentEvent(row: EventRecord): DeviceEvent {
  return { at: instant(row.at), kind: row.kind, status: row.status, reason: row.reason };
}
