import type { Access, Rate } from '@valtronics/contract';
import { createDeviceListener, type DeviceListener } from '../../platform/http/device-listener.ts';
import type { HttpServer } from '../../platform/http/http-server.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Metrics } from '../../platform/metrics/metrics.ts';
import type { DeviceAuthority } from '../crypto/certificates/device-authority.ts';
import type { ServerTls } from '../crypto/certificates/server-tls.ts';
import { addressKey } from '../shield/client-address.ts';
import type { Limiter } from '../shield/limiter.ts';

/** What a listener needs that asks devices for certificates. */
export type TlsForDevices = Pick<ServerTls, 'secureContextOptions' | 'onRenew'>;

/** The authority for devices and no other: with the system's, anybody with a certificate of the web would verify. */
export const tlsForDevices = (tls: ServerTls, authority: Pick<DeviceAuthority, 'certificatePem'>): TlsForDevices => ({
  secureContextOptions: () => ({ ...tls.secureContextOptions(), ca: authority.certificatePem }),
  onRenew: tls.onRenew,
});

const REFUSAL_LOG: Rate = { perSecond: 1, burst: 10 };

/** HTTPS for devices with a certificate. Connections that end at the handshake are counted like requests that were refused. */
export function createDeviceDoor(deps: {
  http: HttpServer;
  tls: TlsForDevices;
  maxConnections: number;
  limiter: Limiter;
  metrics: Pick<Metrics, 'gateRefused'>;
  log: Logger;
}): DeviceListener {
  const { limiter, metrics, log } = deps;
  return createDeviceListener({
    ...deps,
    onRefused({ address = '', reason }) {
      metrics.gateRefused('http', 'not_authenticated');
      // Under a flood the address is named a few times, not a thousand.
      if (limiter.take(`certificate-refusal-log:${addressKey(address)}`, REFUSAL_LOG).ok)
        log.warn({ event: 'access.refused', address, reason }, 'a connection without a good certificate was refused');
    },
  });
}

/** What that door opens on; the rest of the API is not there, whoever asks. */
export const isForDevices = (access: Access): boolean =>
  access.kind === 'device' || (access.kind === 'needs' && access.orDevice);
