// A load generator for HTTP/1.1: requests are made up beforehand, so that what is measured is the server and not the generator.
import { connect, type Socket } from 'node:net';

export interface HttpLoad {
  readonly port: number;
  readonly path: string;
  readonly tokens: readonly string[];
  readonly metrics: readonly string[];
  readonly pointsPerRequest: number;
  readonly requests: number;
  /** Where the numbering of requests begins, so that a later round sends other points. */
  readonly firstRequest: number;
  readonly connections: number;
}
export interface HttpLoadResult {
  readonly seconds: number;
  readonly points: number;
  readonly failures: number;
}

const START_MS = Date.now() - 3_600_000;

process.once('message', async (load: HttpLoad) => {
  const bodies = Array.from({ length: load.requests }, (_, index) => requestBytes(load, load.firstRequest + index));
  const orderOf = load.connections === load.tokens.length ? ownRequests : sharedRequests();
  let failures = 0;
  const sockets = await Promise.all(Array.from({ length: load.connections }, (_, index) => open(load.port, index)));
  const started = performance.now();
  await Promise.all(
    sockets.map(async (socket, connection) => {
      const next = orderOf(connection, load.connections);
      for (let body = bodies[next()]; body !== undefined; body = bodies[next()])
        if (!(await exchange(socket, body))) failures += 1;
      socket.destroy();
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  const answer: HttpLoadResult = { seconds, points: (load.requests - failures) * load.pointsPerRequest, failures };
  process.send?.(answer);
});

/** With as many connections as devices, each device has one of its own. */
function ownRequests(connection: number, connections: number) {
  let index = connection - connections;
  return () => (index += connections);
}

/** Else whichever connection is free sends the next one, so that none has work left when the others are done. */
function sharedRequests() {
  let index = -1;
  return () => () => (index += 1);
}

/** Every connection from an address of its own, since a single address has a coarse limit. */
function open(port: number, index: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      port,
      host: '127.0.0.1',
      localAddress: `127.1.${index >> 7}.${(index & 127) + 1}`,
      noDelay: true,
    });
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}

function exchange(socket: Socket, body: Buffer): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let seen = '';
    const onData = (chunk: Buffer): void => {
      seen += chunk.toString('latin1');
      const head = seen.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = Number(/content-length: (\d+)/i.exec(seen)?.[1] ?? 0);
      if (seen.length < head + 4 + length) return;
      socket.off('data', onData);
      socket.off('error', reject);
      resolve(seen.startsWith('HTTP/1.1 200') && !/"rejected":\[\{/.test(seen));
    };
    socket.on('data', onData);
    socket.once('error', reject);
    socket.write(body);
  });
}

function requestBytes(load: HttpLoad, index: number): Buffer {
  const device = index % load.tokens.length;
  const round = Math.floor(index / load.tokens.length);
  const points = Array.from({ length: load.pointsPerRequest }, (_, point) => {
    const metric = load.metrics[point % load.metrics.length];
    const step =
      round * Math.ceil(load.pointsPerRequest / load.metrics.length) + Math.floor(point / load.metrics.length);
    return {
      metric,
      value: 20 + ((index * 7 + point * 13) % 1000) / 100,
      timestamp: new Date(START_MS + step * 100).toISOString(),
    };
  });
  const body = JSON.stringify({ points });
  const head = [
    `POST ${load.path} HTTP/1.1`,
    'host: 127.0.0.1',
    `authorization: Bearer ${load.tokens[device]}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
}
