import { createServer } from 'node:net';
import type { Config } from './platform/config/config.ts';

/**
 * Fails like `listen` would, before the database is started: whoever mistyped a port, or forgot a server that still runs, hears it at
 * once and on one line. A port taken between now and then is still told by `listen` itself.
 */
export async function assertPortsFree({
  http,
  devicePort,
  keyPort,
  mqtt,
  tls,
}: Pick<Config, 'http' | 'devicePort' | 'keyPort' | 'mqtt' | 'tls'>): Promise<void> {
  const wanted = [
    { host: http.host, port: http.port },
    ...[devicePort, keyPort].flatMap((port) => (port === undefined ? [] : [{ host: http.host, port }])),
    ...(tls.mode === 'off' ? [] : [{ host: mqtt.host, port: mqtt.port }]),
    ...(mqtt.plainPort === undefined ? [] : [{ host: mqtt.host, port: mqtt.plainPort }]),
  ];
  for (const { host, port } of wanted) {
    const probe = createServer();
    await new Promise<void>((resolve, reject) => {
      probe.once('error', reject);
      probe.listen({ host, port }, resolve);
    });
    await new Promise((resolve) => probe.close(resolve));
  }
}
