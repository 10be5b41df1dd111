import type { Config } from './platform/config/config.ts';
import type { HttpServer } from './platform/http/http-server.ts';
import type { MqttBroker } from './platform/mqtt/broker.types.ts';
import type { CertificateDoors, TlsForDevices } from './security/gate/certificate-doors.ts';

export interface Addresses {
  readonly http: number;
  /** HTTPS for devices with a certificate. */
  readonly devices: number | undefined;
  /** HTTPS for API keys that are bound to a certificate. */
  readonly keys: number | undefined;
  readonly mqtt: number;
  readonly mqttPlain: number | undefined;
}

/** Opens what the configuration asks for; from here on the world can reach us. */
export async function openPorts(deps: {
  config: Config;
  http: HttpServer;
  doors: CertificateDoors;
  broker: Pick<MqttBroker<never>, 'listenTls' | 'listenPlain'>;
  deviceTls: TlsForDevices | undefined;
}): Promise<Addresses> {
  const { config, http, doors, broker, deviceTls } = deps;
  const { host, port, plainPort } = config.mqtt;
  const main = await http.listen(config.http);
  const behindCertificates = await doors.listen(config.http.host);
  const secure =
    deviceTls &&
    (await broker.listenTls({
      host,
      port,
      secureContext: deviceTls.secureContextOptions(),
      requestCertificate: true,
    }));
  if (secure) deviceTls.onRenew(() => secure.renew(deviceTls.secureContextOptions()));
  const plain = plainPort === undefined ? undefined : await broker.listenPlain({ host, port: plainPort });
  return { http: main.port, ...behindCertificates, mqtt: secure?.port ?? 0, mqttPlain: plain?.port };
}
