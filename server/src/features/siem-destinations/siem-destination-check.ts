import type { siemDestinationChange } from '@valtronics/contract';
import type { z } from 'zod';
import { invalidField } from '../../lib/problem.ts';
import type { Outbound } from '../../platform/outbound/outbound.ts';
import type { OutboundTls } from '../../platform/outbound/outbound-tls.ts';
import { type Destination, parseSyslogTarget } from '../../security/siem/destination.ts';
import { faultOfCertificates, faultOfKey } from '../../security/siem/tls-material.ts';
import { type FilePlaces, folderOf } from '../../security/siem/transports/file-link.ts';

export interface CheckOptions {
  readonly outbound: Pick<Outbound, 'fault'>;
  readonly outboundTls: Pick<OutboundTls, 'fault'>;
  readonly places: FilePlaces;
}

/** Refuses what could never be delivered, with the field to mend. */
export function checkDestination(
  options: CheckOptions,
  destination: Destination,
  given: Pick<z.infer<typeof siemDestinationChange.body>, 'secret' | 'clientKey'>,
  operatesInstance: boolean,
): void {
  const fault = faultOfTarget(options, destination, operatesInstance);
  if (fault !== undefined) throw invalidField('target', fault);
  const { kind, format, ca, clientCertificate, clientKeySealed, secretSealed } = destination;
  if (kind === 'elasticsearch_bulk' && format === 'cef')
    throw invalidField('format', 'Elasticsearch takes JSON: ecs or ocsf');
  const takesSecret = kind === 'splunk_hec' || kind === 'elasticsearch_bulk';
  if (takesSecret && secretSealed === null) throw invalidField('secret', 'is required');
  if (!takesSecret && given.secret !== undefined)
    throw invalidField('secret', 'is nothing this kind of destination has');

  const faultOfCa = ca === null ? undefined : faultOfCertificates(ca);
  if (faultOfCa !== undefined) throw invalidField('ca', faultOfCa);
  if ((clientCertificate === null) !== (clientKeySealed === null))
    throw invalidField(
      clientCertificate === null ? 'clientCertificate' : 'clientKey',
      'certificate and key come together',
    );
  if (clientCertificate === null) return;
  const faultOfCertificate = faultOfCertificates(clientCertificate);
  if (faultOfCertificate !== undefined) throw invalidField('clientCertificate', faultOfCertificate);
  const keyFault = given.clientKey ? faultOfKey(clientCertificate, given.clientKey) : undefined;
  if (keyFault !== undefined) throw invalidField('clientKey', keyFault);
}

function faultOfTarget(
  { outbound, outboundTls, places }: CheckOptions,
  destination: Destination,
  operatesInstance: boolean,
): string | undefined {
  const { kind, target } = destination;
  if (kind === 'syslog_tls') {
    const place = parseSyslogTarget(target);
    return place === undefined ? 'is not host:port' : outboundTls.fault(place.host);
  }
  if (kind !== 'file') return outbound.fault(target);
  if (folderOf(destination, places) === undefined)
    return 'is neither the name of a folder (a–z 0–9 _ -) nor a path within VALTRONICS_SIEM_FOLDERS';
  // The host's folders are for those who run it; others have theirs in the data folder.
  return target.startsWith('/') && !operatesInstance
    ? 'is a path, which only who runs the instance may give'
    : undefined;
}
