import type { SiemFormat, SiemKind } from '@valtronics/contract';
import type { Place } from '../crypto/sealed-value.ts';
import type { SecurityEvent } from '../events/security-event.ts';

/** Where security events go, as it stands in its row. */
export interface Destination {
  readonly id: string;
  readonly organisationId: number;
  readonly kind: SiemKind;
  readonly format: SiemFormat;
  readonly target: string;
  readonly batch: 'array' | 'lines';
  readonly index: string | null;
  readonly serverName: string | null;
  readonly ca: string | null;
  readonly clientCertificate: string | null;
  readonly clientKeySealed: Buffer | null;
  readonly secretSealed: Buffer | null;
}

/** An event and where it stands in the order of all of them. */
export interface StoredEvent {
  readonly position: number;
  readonly event: SecurityEvent;
}

export const siemPlace = (
  { organisationId, id }: Pick<Destination, 'organisationId' | 'id'>,
  column: 'secret_sealed' | 'client_key_sealed',
): Place => ({ organisation: organisationId, table: 'siem_destinations', column, row: id });

/** `host`, `host:port` or `[2001:db8::1]:port`. */
export function parseSyslogTarget(target: string): { host: string; port: number } | undefined {
  const [, v6, name, portText] =
    /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9.-]{1,253}))(?::(\d{1,5}))?$/.exec(target) ?? [];
  const host = v6 ?? name;
  const port = portText === undefined ? SYSLOG_TLS_PORT : Number(portText);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}

/** Of RFC 5425. */
const SYSLOG_TLS_PORT = 6514;
