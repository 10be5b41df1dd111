import type { KnownPrincipal } from '../../security/access/principal.ts';
import type { Sight } from '../../security/access/sight.ts';
import type { NormalPoint } from './point.ts';

/** Who sends: a device for itself, or a person or an API key for the devices they see. */
export type TelemetrySender =
  | { readonly kind: 'device'; readonly deviceId: string; readonly organisationId: number }
  | { readonly kind: 'member'; readonly organisationId: number; readonly sight: Sight };

/** A device that was let in writes for itself; anybody else for the devices they see. */
export const senderOf = (principal: KnownPrincipal, sight: Sight): TelemetrySender =>
  principal.kind === 'device' ? principal : { kind: 'member', organisationId: principal.organisationId, sight };

/** Which device a point is for; undefined where it is not said, or a device names another. */
export function deviceOf(sender: TelemetrySender, { deviceId }: NormalPoint): string | undefined {
  if (sender.kind !== 'device') return deviceId?.toLowerCase();
  return deviceId === undefined || deviceId.toLowerCase() === sender.deviceId ? sender.deviceId : undefined;
}
