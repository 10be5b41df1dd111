import type { Access, Rate } from '@valtronics/contract';
import { type CertificateListener, createCertificateListener } from '../../platform/http/certificate-listener.ts';
import type { HttpServer } from '../../platform/http/http-server.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Metrics } from '../../platform/metrics/metrics.ts';
import type { DeviceAuthority } from '../crypto/certificates/device-authority.ts';
import type { ServerTls } from '../crypto/certificates/server-tls.ts';
import { addressKey } from '../shield/client-address.ts';
import type { Limiter } from '../shield/limiter.ts';
import type { CertificateOf, ShownCertificate } from './http-callers.ts';

/** What a listener needs that asks clients for certificates. */
export type TlsForDevices = Pick<ServerTls, 'secureContextOptions' | 'onRenew'>;

/** The authority for devices and no other: with the system's, anybody with a certificate of the web would verify. */
export const tlsForDevices = (tls: ServerTls, authority: Pick<DeviceAuthority, 'certificatePem'>): TlsForDevices => ({
  secureContextOptions: () => ({ ...tls.secureContextOptions(), ca: authority.certificatePem }),
  onRenew: tls.onRenew,
});

const REFUSAL_LOG: Rate = { perSecond: 1, burst: 10 };

export interface CertificateDoors {
  readonly certificateOf: CertificateOf;
  listen(host: string): Promise<{ devices: number | undefined; keys: number | undefined }>;
  close(): Promise<void>;
}

/**
 * HTTPS for who brings a certificate, on ports of their own since a browser that is asked for one asks the person. Devices show one that
 * our authority signed. Programs show any: it says nothing but that its holder is the one an API key was bound to (RFC 8705, 2.2).
 * Connections that end at the handshake are counted like requests that were refused.
 */
export function createCertificateDoors(deps: {
  http: HttpServer;
  tls: TlsForDevices | undefined;
  ports: { devices: number | undefined; keys: number | undefined };
  maxConnections: number;
  limiter: Limiter;
  metrics: Pick<Metrics, 'gateRefused'>;
  log: Logger;
}): CertificateDoors {
  const { tls: deviceTls, ports, limiter, metrics, log } = deps;

  function door(port: number | undefined, accepts: 'verified' | 'any'): CertificateListener | undefined {
    if (!deviceTls || port === undefined) return undefined;
    // Naming an authority in the handshake would keep clients from showing a certificate that it did not sign (RFC 8446, 4.2.4).
    const secureContextOptions = () => ({ ...deviceTls.secureContextOptions(), ca: [] });
    const tls = accepts === 'any' ? { secureContextOptions, onRenew: deviceTls.onRenew } : deviceTls;
    return createCertificateListener({
      ...deps,
      tls,
      accepts,
      onRefused({ address = '', reason }) {
        metrics.gateRefused('http', 'not_authenticated');
        // Under a flood the address is named a few times, not a thousand.
        if (limiter.take(`certificate-refusal-log:${addressKey(address)}`, REFUSAL_LOG).ok)
          log.warn({ event: 'access.refused', address, reason }, 'a connection without a good certificate was refused');
      },
    });
  }
  const forDevices = door(ports.devices, 'verified');
  const forKeys = door(ports.keys, 'any');

  return {
    certificateOf(socket): ShownCertificate | undefined {
      const ofDevice = forDevices?.certificateOf(socket);
      if (ofDevice) return { of: 'device', fingerprint: ofDevice };
      const ofProgram = forKeys?.certificateOf(socket);
      return ofProgram && { of: 'program', fingerprint: ofProgram };
    },
    async listen(host) {
      const devices = await forDevices?.listen({ host, port: ports.devices ?? 0 });
      const keys = await forKeys?.listen({ host, port: ports.keys ?? 0 });
      return { devices: devices?.port, keys: keys?.port };
    },
    async close() {
      await Promise.all([forDevices?.close(), forKeys?.close()]);
    },
  };
}

/** What such a door opens on; the rest of the API is not there, whoever asks. */
export const isBehind = ({ of }: ShownCertificate, access: Access): boolean =>
  of === 'device'
    ? access.kind === 'device' || (access.kind === 'needs' && access.orDevice)
    : access.kind === 'needs' || access.kind === 'signedIn';
