import { request } from 'node:http';
import { json } from 'node:stream/consumers';
import { anAddress, type BenchAccount, type BenchServer } from './server.ts';

/** So many people at the same moment, each with an account and from an address of their own, since both have limits. Answers their tokens. */
export async function signIns(server: BenchServer, count: number): Promise<string[]> {
  const people = await server.people(count);
  return Promise.all(people.map((person) => signIn(server.httpPort, person)));
}

function signIn(port: number, person: BenchAccount): Promise<string> {
  const localAddress = anAddress();
  const body = JSON.stringify(person);
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
        if (response.statusCode === 200)
          json(response).then((body) => resolve((body as { accessToken: string }).accessToken), reject);
        else reject(new Error(`sign-in: ${response.resume().statusCode}`));
      },
    );
    sent.once('timeout', () => sent.destroy(new Error('no answer')));
    sent.once('error', reject);
    sent.end(body);
  });
}
