import { request } from 'node:http';
import { BENCH_ACCOUNT, type BenchServer } from './server.ts';

let addresses = 0;

/** So many people at the same moment, each from an address of their own since each address has a limit. */
export async function signIns({ httpPort }: BenchServer, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, () => signIn(httpPort)));
}

function signIn(port: number): Promise<void> {
  addresses += 1;
  const localAddress = `127.3.${addresses >> 7}.${(addresses & 127) + 1}`;
  const body = JSON.stringify(BENCH_ACCOUNT);
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        localAddress,
        agent: false,
        method: 'POST',
        path: '/api/v1/auth/login',
        timeout: 300_000,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      },
      (response) => {
        response.resume();
        response.once('end', () =>
          response.statusCode === 200 ? resolve() : reject(new Error(`sign-in: ${response.statusCode}`)),
        );
      },
    );
    sent.once('timeout', () => sent.destroy(new Error('no answer')));
    sent.once('error', reject);
    sent.end(body);
  });
}
