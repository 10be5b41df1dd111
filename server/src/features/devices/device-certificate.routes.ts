import * as contract from '@valtronics/contract';
import type { DeviceAuthority } from '../../security/crypto/certificates/device-authority.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { DeviceChanges } from './device.routes.ts';
import type { DeviceCertificateService } from './device-certificate.service.ts';
import type { DeviceProvisioningService } from './device-provisioning.service.ts';
import type { RevocationList } from './revocation-list.ts';

interface PublishedAt {
  readonly certificate: string;
  readonly crl: string;
}

/** Where anybody finds what they need to check a certificate of ours. */
export const publishedAt = ({ origin }: URL): PublishedAt => ({
  certificate: origin + contract.deviceAuthorityPem.path,
  crl: origin + contract.deviceRevocationList.path,
});

export function addDeviceCertificateRoutes(deps: {
  gate: EndpointGate;
  certificates: DeviceCertificateService;
  provisioning: DeviceProvisioningService;
  authority: DeviceAuthority;
  revocationList: Pick<RevocationList, 'current'>;
  urls: PublishedAt;
  changes: Pick<DeviceChanges, 'registered' | 'credentialsEnded'>;
}): void {
  const { gate, certificates, provisioning, authority, revocationList, urls, changes } = deps;

  gate.handle(contract.certificatesList, ({ params, read }) => read((reader) => certificates.list(reader, params.id)));

  gate.handle(contract.certificateIssue, (call) => certificates.issue(call, call.params.id, call.body));

  gate.handle(contract.certificateRevoke, async ({ params, query, write }) => {
    const { id: deviceId, certificateId } = params;
    const ended = await write((tx) => certificates.revoke(tx, { deviceId, certificateId }, query.successors ?? 'keep'));
    await changes.credentialsEnded(deviceId, ended);
    return undefined;
  });

  gate.handle(contract.certificateRenew, async (call) => {
    const { ended, ...handedOut } = await certificates.renew(call, call.principal, call.body.csr);
    await changes.credentialsEnded(call.principal.deviceId, ended);
    return handedOut;
  });

  gate.handle(contract.deviceAuthorityGet, async () => ({
    pem: authority.certificatePem,
    fingerprintSha256: authority.fingerprintSha256,
    notAfter: authority.notAfter.toISOString(),
    certificateUrl: urls.certificate,
    crlUrl: urls.crl,
  }));

  // RFC 8555's media type for PEM, and RFC 2585's for lists.
  gate.handle(contract.deviceAuthorityPem, async () => ({
    contentType: 'application/pem-certificate-chain',
    body: authority.certificatePem,
    headers: { 'cache-control': 'public, max-age=300' },
  }));

  gate.handle(contract.deviceRevocationList, async () => ({
    contentType: 'application/pkix-crl',
    body: await revocationList.current(),
    headers: { 'cache-control': 'public, max-age=60' },
  }));

  gate.handle(contract.claimsList, ({ read }) => read((reader) => provisioning.list(reader)));

  gate.handle(contract.claimsCreate, ({ body, principal, write }) =>
    write((tx) => provisioning.create(tx, principal.organisationId, body)),
  );

  gate.handle(contract.claimRevoke, async ({ params, write }) => {
    await write((tx) => provisioning.withdraw(tx, params.id));
    return undefined;
  });

  gate.handle(contract.deviceEnrol, async ({ body, writeAs }) => {
    const { device, organisationId, ...handedOut } = await provisioning.enrol(writeAs, body);
    changes.registered(organisationId, device);
    return { deviceId: device.id, name: device.name, ...handedOut };
  });
}
