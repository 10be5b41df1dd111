import type { SiemFormat, SiemKind, siemDestinationChange } from '@valtronics/contract';
import type { z } from 'zod';
import { orNull } from '../../ui/forms/use-contract-form.ts';
import { type Destination, secrets } from './siem-words.ts';

export const blank = {
  name: '',
  kind: 'syslog_tls' as SiemKind,
  format: 'ecs' as SiemFormat,
  target: '',
  batch: 'array' as 'array' | 'lines',
  index: '',
  serverName: '',
  ca: '',
  clientCertificate: '',
  clientKey: '',
  secret: '',
};
export type Values = typeof blank;

export const valuesOf = (destination: Destination): Values => ({
  name: destination.name,
  kind: destination.kind,
  format: destination.format,
  target: destination.target,
  batch: destination.batch,
  index: destination.index ?? '',
  serverName: destination.serverName ?? '',
  ca: destination.ca ?? '',
  clientCertificate: destination.clientCertificate ?? '',
  // What is kept sealed is never shown; empty means that it stays.
  clientKey: '',
  secret: '',
});

const hasIndex = (kind: SiemKind) => kind === 'elasticsearch_bulk' || kind === 'splunk_hec';

/** What is sent of the values: only what this kind has. */
export function bodyOf(values: Values): z.input<typeof siemDestinationChange.body> & { name: string; target: string } {
  const { kind, name, format, target, batch } = values;
  const isTls = kind !== 'file';
  return {
    ...{ name, format, target },
    ...(kind === 'https' ? { batch } : {}),
    ...(hasIndex(kind) ? { index: orNull(values.index) } : {}),
    ...(kind === 'syslog_tls' ? { serverName: orNull(values.serverName) } : {}),
    ...(isTls ? { ca: orNull(values.ca), clientCertificate: orNull(values.clientCertificate) } : {}),
    ...(isTls && values.clientKey.trim() !== '' ? { clientKey: values.clientKey.trim() } : {}),
    // A certificate that is taken away takes its key along.
    ...(isTls && values.clientCertificate.trim() === '' ? { clientKey: null } : {}),
    ...(secrets[kind] && values.secret.trim() !== '' ? { secret: values.secret.trim() } : {}),
  };
}

export { hasIndex };
