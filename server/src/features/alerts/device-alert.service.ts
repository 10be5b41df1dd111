import type { Severity } from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import { Problem } from '../../lib/problem.ts';
import type { DevicePrincipal } from '../../security/access/principal.ts';
import type { UnauditedTx } from '../../security/audit/tokens.ts';
import {
  findAlerts,
  insertDeviceAlert,
  isHealthDevice,
  lockDeviceAlerts,
  worsenDeviceAlert,
} from './alert.repository.ts';
import { type Announcement, isGraver, toAlert } from './alert.ts';
import { insertEvents } from './alert-event.repository.ts';
import type { AlertSeals } from './alert-seals.ts';
import { enqueueNotifications } from './notification-outbox.repository.ts';

export interface DeviceMessage {
  readonly title: string;
  readonly severity: Severity;
  readonly description?: string | undefined;
}

// A device that cries wolf must not bury the alerts of others, or the mailboxes of those who are told.
const MAX_OPEN = 20;
const MAX_PER_HOUR = 60;
const HOUR_MS = 3_600_000;

/** An alert that a device raises itself. While one of the same title is open, only a graver one says anything new. */
export async function raiseByDevice(
  tx: UnauditedTx,
  device: DevicePrincipal,
  message: DeviceMessage,
  { clock, seals }: { readonly clock: Clock; readonly seals: AlertSeals },
): Promise<Announcement | undefined> {
  const { deviceId, organisationId } = device;
  const { title, severity } = message;
  const at = clock.date();
  const place = await lockDeviceAlerts(tx, deviceId, title, new Date(at.getTime() - HOUR_MS));
  if (place.sameTitle !== null && !isGraver(severity, place.sameTitle.severity)) return undefined;
  if (place.sameTitle === null && (place.open >= MAX_OPEN || place.raisedSince >= MAX_PER_HOUR))
    throw new Problem('too_many_requests', { detail: 'This device has raised too many alerts.' });

  const description = message.description ?? null;
  const id = place.sameTitle?.id ?? newId();
  // A device describes what it measured, so what it says is sealed as its measurements are. A title names a kind of alert and is compared.
  const isSealed = description !== null && (await isHealthDevice(tx, deviceId));
  const sealed = isSealed
    ? await seals.told(organisationId, id, { detail: description, value: null }, await seals.personOf(deviceId, at, tx))
    : null;
  const told = {
    detail: isSealed ? null : description,
    toldSealed: sealed?.sealed ?? null,
    subject: sealed?.subject ?? null,
  };
  if (place.sameTitle === null)
    await insertDeviceAlert(tx, { id, organisationId, deviceId, title, severity, ...told, at });
  else await worsenDeviceAlert(tx, id, severity, told);
  const note = place.sameTitle === null ? told.detail : `raised again, now ${severity}`;
  await insertEvents(tx, [{ organisationId, alertId: id, at, kind: 'raised', note }]);
  const [row] = await findAlerts(tx, [id]);
  if (row === undefined) throw new Problem('unavailable');
  const announcement: Announcement = { organisationId, alert: toAlert(row), transition: 'raised' };
  await enqueueNotifications(tx, [announcement], at);
  return announcement;
}
