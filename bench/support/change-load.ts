// People who each change devices, one request after the other, on a connection of their own.
import { Agent, request } from 'node:http';

export interface ChangeLoad {
  readonly port: number;
  readonly tokens: readonly string[];
  readonly devices: readonly string[];
  readonly requests: number;
  readonly round: number;
}

process.once('message', async (load: ChangeLoad) => {
  const agent = new Agent({ keepAlive: true, maxSockets: load.tokens.length });
  let turn = 0;
  const started = performance.now();
  await Promise.all(
    load.tokens.map(async (token, person) => {
      for (let mine = turn++; mine < load.requests; mine = turn++) await change(agent, load, token, person, mine);
    }),
  );
  agent.destroy();
  process.send?.((performance.now() - started) / 1000);
});

function change(agent: Agent, load: ChangeLoad, token: string, person: number, turn: number): Promise<void> {
  const device = load.devices[turn % load.devices.length];
  const body = JSON.stringify({ name: `Device in round ${load.round}, ${turn}`, location: `Ward ${turn % 10}` });
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        agent,
        host: '127.0.0.1',
        port: load.port,
        // Each address has a coarse limit of its own.
        localAddress: `127.4.0.${person + 1}`,
        method: 'PATCH',
        path: `/api/v1/devices/${device}`,
        timeout: 30_000,
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
        },
      },
      (response) => {
        response.resume();
        response.once('end', () =>
          response.statusCode === 200 ? resolve() : reject(new Error(`a change was answered ${response.statusCode}`)),
        );
      },
    );
    sent.once('timeout', () => sent.destroy(new Error('no answer')));
    sent.once('error', reject);
    sent.end(body);
  });
}
