import { createPrivateKey } from 'node:crypto';
import { request as httpsRequest } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import { systemClock } from '../../server/src/lib/clock.ts';
import { newId } from '../../server/src/lib/ids.ts';
import { loadDeviceAuthority } from '../../server/src/security/access/device-authority-store.ts';
import { createTransactions } from '../../server/src/security/audit/transactions.ts';
import type { DeviceAuthority } from '../../server/src/security/crypto/certificates/device-authority.ts';
import { newDeviceKey } from '../../server/src/security/crypto/certificates/device-authority.ts';
import { type Answer, freshAddress, type Person, type TestApp } from './app.ts';
import { dataKeysOf } from './data-keys.ts';

export interface Identity {
  readonly cert: string;
  readonly key: string;
}
export interface CertifiedDevice extends Identity {
  readonly id: string;
  readonly token: string;
  readonly certificateId: string;
}

/** A device with a certificate and key of the server's making. */
export async function aCertifiedDevice(app: TestApp, as: Person): Promise<CertifiedDevice> {
  const device = await app.aDevice(as);
  const issued = await app.call('POST', `/api/v1/devices/${device.id}/certificates`, {
    token: as.accessToken,
    body: {},
  });
  if (issued.status !== 201) throw new Error(`issuing failed: ${issued.text}`);
  const { certificate, pem, privateKeyPem } = issued.json;
  return { ...device, cert: pem, key: privateKeyPem, certificateId: certificate.id };
}

/** The authority of that installation, for certificates its rules would never let it sign. */
export async function authorityOf(app: TestApp): Promise<DeviceAuthority> {
  const transactions = createTransactions(app.database);
  return loadDeviceAuthority({ transactions, dataKeys: await dataKeysOf(app), clock: systemClock });
}

/** Signed, and in the database only if `keep` is told. */
export async function signedBy(
  authority: DeviceAuthority,
  deviceId: string,
  options: { now?: Date; validDays?: number; keepIn?: TestApp } = {},
): Promise<Identity> {
  const { now = new Date(), validDays = 90, keepIn } = options;
  const { key, privateKeyPem } = await newDeviceKey();
  const subject = { deviceId, organisation: newId() };
  const issued = await authority.issue(subject, key, { now, validDays, crlUrl: 'https://localhost/crl' });
  await keepIn?.database.admin.query(
    `insert into device_certificates (id, organisation_id, device_id, serial, fingerprint, key_type, not_before, not_after, created_at)
     select $1, organisation_id, id, $2, $3, 'P-256', $4, $5, now() from devices where id = $6`,
    [newId(), issued.serial, issued.fingerprint, issued.notBefore, issued.notAfter, deviceId],
  );
  return { cert: issued.pem, key: createPrivateKey(privateKeyPem).export({ type: 'pkcs8', format: 'pem' }).toString() };
}

/** A connection to the port for devices; rejects when it is refused. */
export function aDeviceConnection(app: TestApp, identity: Partial<Identity>): Promise<TLSSocket> {
  const { devicePort: port, ca } = app;
  // From an address of its own: what strangers may ask in a second is limited by address.
  const from = { localAddress: freshAddress() };
  const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', ca, ...from, ...identity });
  return new Promise((resolve, reject) => {
    socket.once('secureConnect', () => resolve(socket));
    socket.on('error', reject);
  });
}

/** One request on the port for devices, or on another, on a connection of its own or on the one given. */
export function callAsDevice(
  app: TestApp,
  identity: Partial<Identity>,
  method: string,
  path: string,
  options: { body?: unknown; headers?: Record<string, string>; socket?: TLSSocket; port?: number } = {},
): Promise<Answer> {
  const body = options.body === undefined ? undefined : JSON.stringify(options.body);
  const { socket } = options;
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      {
        host: '127.0.0.1',
        servername: 'localhost',
        port: options.port ?? app.devicePort,
        ca: app.ca,
        ...identity,
        ...(socket
          ? { createConnection: () => socket, agent: undefined }
          : { agent: false, localAddress: freshAddress() }),
        method,
        path,
        headers: {
          ...(socket ? { connection: 'keep-alive' } : {}),
          ...(body === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
          ...options.headers,
        },
        timeout: 20_000,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          const isJson = /json/.test(response.headers['content-type'] ?? '') && text !== '';
          const json = isJson ? JSON.parse(text) : undefined;
          resolve({ status: response.statusCode ?? 0, headers: response.headers, json, text });
        });
      },
    );
    request.on('error', reject);
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.end(body);
  });
}
