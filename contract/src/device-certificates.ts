import { z } from 'zod';
import { deviceType, id, idParams, name, page, timestamp } from './common.ts';
import { endpoint } from './endpoint.ts';
import { device, needs, open, records, unaudited } from './policy.ts';

/** A certificate lives at most this long: what a stolen key can do ends by itself, and renewal is something that happens often enough to work. */
export const maxCertificateDays = 90;
export const maxClaimsAtOnce = 500;

const pem = (max: number) => z.string().max(max);
/** Room for RSA of 4,096 bits with a generous subject. */
const csr = z
  .string()
  .min(1)
  .max(8192)
  .describe('PKCS#10, PEM; only its public key is taken: P-256, P-384, Ed25519, or RSA of 2,048 to 4,096 bits');
const validDays = z.int().min(1).max(maxCertificateDays).optional().describe('90 unless told');
const label = z.string().trim().max(120);

export const deviceCertificate = z.strictObject({
  id,
  label: z.string().nullable(),
  serial: z.string().describe('hexadecimal'),
  fingerprintSha256: z.string().describe('of the DER, 64 hexadecimal digits'),
  keyType: z.enum(['P-256', 'P-384', 'Ed25519', 'RSA']),
  notBefore: timestamp,
  notAfter: timestamp,
  renewedFrom: id.nullable().describe('the certificate the device proved itself with when it asked for this one'),
  createdAt: timestamp,
  revokedAt: timestamp.nullable(),
  lastUsedAt: timestamp.nullable(),
});
export type DeviceCertificate = z.infer<typeof deviceCertificate>;

const issued = {
  certificate: deviceCertificate,
  pem: pem(16_384).describe('the certificate'),
  chainPem: pem(16_384).describe('the authority that signed it'),
};

export const certificatesList = endpoint({
  method: 'GET',
  path: '/devices/{id}/certificates',
  summary: 'Certificates of a device',
  params: idParams,
  response: page(deviceCertificate),
  access: needs('device:write'),
  rate: 'api',
  audit: unaudited('no secret is in the answer'),
});

export const certificateIssue = endpoint({
  method: 'POST',
  path: '/devices/{id}/certificates',
  summary: 'Issue a certificate; without a request of the device a key is made too, and shown this once',
  params: idParams,
  body: z.strictObject({ csr: csr.optional(), label: label.optional(), validDays }),
  response: z.strictObject({ ...issued, privateKeyPem: pem(1024).optional().describe('PKCS#8; kept nowhere') }),
  status: 201,
  freeText: ['label'],
  access: needs('device:write', { stepUp: true, orKey: true }),
  rate: 'api',
  audit: records('device.certificate_issued'),
});

export const certificateRevoke = endpoint({
  method: 'DELETE',
  path: '/devices/{id}/certificates/{certificateId}',
  summary: 'Revoke a certificate; its open connections end within a second',
  params: z.strictObject({ id, certificateId: id }),
  query: z.strictObject({
    successors: z
      .enum(['keep', 'revoke'])
      .optional()
      .describe('revoke: also what was renewed with it, for a key that was stolen; keep unless told'),
  }),
  response: 'empty',
  status: 204,
  access: needs('device:write', { stepUp: true, orKey: true }),
  rate: 'api',
  audit: records('device.certificate_revoked'),
});

export const certificateRenew = endpoint({
  method: 'POST',
  path: '/device/certificate/renew',
  summary: 'A device asks for its next certificate; the one it has goes on until it ends',
  body: z.strictObject({ csr }),
  response: z.strictObject(issued),
  status: 201,
  access: device(),
  rate: 'api',
  audit: records('device.certificate_issued'),
});

export const deviceAuthorityGet = endpoint({
  method: 'GET',
  path: '/device-authority',
  summary: 'The authority that signs certificates of devices',
  response: z.strictObject({
    pem: pem(16_384),
    fingerprintSha256: z.string(),
    notAfter: timestamp,
    certificateUrl: z.string(),
    crlUrl: z.string(),
  }),
  access: needs('device:write'),
  rate: 'api',
  audit: unaudited('no secret is in the answer'),
});

export const deviceAuthorityPem = endpoint({
  method: 'GET',
  path: '/.well-known/device-ca.pem',
  root: true,
  summary: 'Certificate of the authority for devices',
  response: 'raw',
  access: open('a certificate is made to be shown; every TLS handshake of a device shows it'),
  rate: 'api',
  audit: unaudited('public by nature'),
});

export const deviceRevocationList = endpoint({
  method: 'GET',
  path: '/.well-known/device-ca.crl',
  root: true,
  summary: 'Revoked certificates of devices (RFC 5280, DER)',
  response: 'raw',
  access: open('whoever checks a certificate needs the list; it holds random serial numbers and dates'),
  rate: 'api',
  audit: unaudited('public by nature'),
});

export const deviceClaim = z.strictObject({
  id,
  deviceType,
  namePrefix: z.string(),
  createdAt: timestamp,
  expiresAt: timestamp,
});
export type DeviceClaim = z.infer<typeof deviceClaim>;

export const claimsList = endpoint({
  method: 'GET',
  path: '/device-provisioning/claims',
  summary: 'Claims that can still be used, without their secrets; the newest thousand',
  response: page(deviceClaim),
  access: needs('device:write'),
  rate: 'api',
  audit: unaudited('no secret is in the answer'),
});

export const claimsCreate = endpoint({
  method: 'POST',
  path: '/device-provisioning/claims',
  summary: 'Claim tokens for devices to come, each good for one device; shown once',
  body: z.strictObject({
    count: z.int().min(1).max(maxClaimsAtOnce).optional().describe('how many tokens; 1 unless told'),
    deviceType,
    namePrefix: z.string().trim().min(1).max(80).optional().describe('of the device’s name; its type unless told'),
    validMinutes: z.int().min(1).max(43_200).optional().describe('a day unless told'),
  }),
  response: z.strictObject({
    claims: z.array(z.strictObject({ id, token: z.string() })),
    expiresAt: timestamp,
  }),
  status: 201,
  freeText: ['namePrefix'],
  access: needs('device:write', { stepUp: true, orKey: true }),
  rate: 'api',
  audit: records('device.claims_created'),
});

export const claimRevoke = endpoint({
  method: 'DELETE',
  path: '/device-provisioning/claims/{id}',
  summary: 'Withdraw a claim that was not used',
  params: idParams,
  response: 'empty',
  status: 204,
  access: needs('device:write', { stepUp: true, orKey: true }),
  rate: 'api',
  audit: records('device.claim_withdrawn'),
});

export const deviceEnrol = endpoint({
  method: 'POST',
  path: '/device-provisioning/enrol',
  summary: 'A device trades its claim for its identity: id and certificate',
  body: z.strictObject({
    claimToken: z.string().max(200),
    name: name.optional().describe('the prefix of the claim and some of the id unless told'),
    serial: label.optional().describe('what stands on the device'),
    csr,
  }),
  response: z.strictObject({ deviceId: id, name: z.string(), ...issued }),
  status: 201,
  access: open('the claim in the body is the credential'),
  rate: 'login',
  audit: records('device.enrolled'),
});
