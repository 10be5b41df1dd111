import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:tls';
import { Aedes, type AedesPublishPacket, type Client } from 'aedes';
import { aSelfSignedCertificate } from '../../../tests/support/self-signed-certificate.ts';

interface Published {
  readonly topic: string;
  readonly text: string;
  readonly qos: number;
  readonly retain: boolean;
}

interface TlsBrokerOptions {
  readonly password: string;
  readonly certificate?: { readonly key: string; readonly cert: string };
  /** Called before a publish is acknowledged. */
  readonly hold?: (topic: string) => Promise<void>;
}

/** A real MQTT broker over TLS for tests: takes one password, remembers what was published, and can be cut off and come back. */
export async function aTlsBroker({
  password,
  hold,
  certificate = aSelfSignedCertificate('localhost'),
}: TlsBrokerOptions) {
  const broker = await Aedes.createBroker({ concurrency: 1000 });
  const published: Published[] = [];
  const sockets = new Set<Socket>();
  let given = password;

  broker.authenticate = (_client: Client, _user, secret, done) => {
    const right = secret?.toString() === given;
    done(right ? null : Object.assign(new Error('no'), { returnCode: 4 }), right);
  };
  broker.authorizePublish = (client, packet, done) => {
    const { topic, qos, retain } = packet;
    if (client) published.push({ topic, text: packet.payload.toString(), qos, retain });
    if (!hold) return done(null);
    hold(topic).then(
      () => done(null),
      () => undefined,
    );
  };

  const server = createServer(certificate, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
    broker.handle(socket);
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };

  return {
    url: `mqtts://localhost:${port}`,
    ca: certificate.cert,
    published,
    cut,
    telemetry: () =>
      published.filter(({ topic }) => topic.endsWith('/telemetry')).flatMap(({ text }) => pointsIn(text)),
    changePassword(next: string) {
      given = next;
    },
    send(topic: string, payload: string): Promise<void> {
      const packet: AedesPublishPacket = {
        cmd: 'publish',
        brokerId: broker.id,
        brokerCounter: 0,
        topic,
        payload,
        qos: 1,
        dup: false,
        retain: false,
      };
      return new Promise((resolve, reject) => broker.publish(packet, (error) => (error ? reject(error) : resolve())));
    },
    /** Nobody answers on the port until the returned function is called. */
    async goDark(): Promise<() => Promise<void>> {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      cut();
      await closed;
      return () => listen(port);
    },
    async close(): Promise<void> {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      cut();
      await closed;
      await new Promise<void>((resolve) => broker.close(resolve));
    },
  };
}

function pointsIn(text: string): { metric: string; value: unknown; timestamp: number }[] {
  const body: { points: { metric: string; value: unknown; timestamp: number }[] } = JSON.parse(text);
  return body.points;
}
