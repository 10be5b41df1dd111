import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { aSelfSignedCertificate } from '../../../../tests/support/self-signed-certificate.ts';
import { createOutbound, type OutboundOptions } from './outbound.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function listen(server: Server | ReturnType<typeof createTcpServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

const aServer = (answer: RequestListener): Promise<number> => listen(createServer(answer));
const local = (options: Partial<OutboundOptions> = {}) => createOutbound({ allowList: ['127.0.0.0/8'], ...options });
const message = (url: string) => ({ url, headers: { 'content-type': 'application/json' }, body: '{"a":1}' });

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

describe('asking', () => {
  const question = (url: string) => ({ url, method: 'GET', headers: {}, maxBytes: 1_000, timeoutMs: 500 }) as const;

  it('gives status, type and body of the answer', async () => {
    const port = await aServer((request, response) => {
      response.writeHead(418, { 'content-type': 'text/plain' }).end(`${request.method} ${request.url}`);
    });
    const answer = await local().ask(question(`http://127.0.0.1:${port}/a?b`));
    expect({ ...answer, body: answer.body.toString() }).toEqual({
      status: 418,
      contentType: 'text/plain',
      body: 'GET /a?b',
    });
  });

  it('takes an answer up to its bound, and no longer one', async () => {
    const port = await aServer((request, response) => {
      response.end('x'.repeat(Number(request.url?.slice(1))));
    });
    expect((await local().ask(question(`http://127.0.0.1:${port}/1000`))).body.length).toBe(1_000);
    await expect(local().ask(question(`http://127.0.0.1:${port}/1001`))).rejects.toMatchObject({
      reason: 'bad_answer',
    });
  });

  it('is refused where delivering is, gives up in its own time, and does not follow a redirect', async () => {
    await expect(createOutbound({ allowList: [] }).ask(question('https://127.0.0.1/'))).rejects.toMatchObject({
      reason: 'refused',
    });
    const silent = await listen(createTcpServer(() => undefined));
    await expect(local().ask(question(`http://127.0.0.1:${silent}/`))).rejects.toMatchObject({ reason: 'timeout' });
    let hits = 0;
    const port = await aServer((_request, response) => {
      hits += 1;
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    expect([(await local().ask(question(`http://127.0.0.1:${port}/`))).status, hits]).toEqual([302, 1]);
  });
});

describe('delivery', () => {
  it('posts the body with its headers and tells the status', async () => {
    const seen: unknown[] = [];
    const port = await aServer(async (request, response) => {
      seen.push(request.method, request.headers['content-type'], await bodyOf(request));
      response.writeHead(202).end('thanks');
    });
    await expect(local().post(message(`http://127.0.0.1:${port}/hook`))).resolves.toEqual({ status: 202 });
    expect(seen).toEqual(['POST', 'application/json', '{"a":1}']);
  });

  it('[ASVS 15.3.2] does not follow a redirect', async () => {
    let hits = 0;
    const port = await aServer((_request, response) => {
      hits += 1;
      response.writeHead(307, { location: '/elsewhere' }).end();
    });
    await expect(local().post(message(`http://127.0.0.1:${port}/`))).resolves.toEqual({ status: 307 });
    expect(hits).toBe(1);
  });

  it('stops reading an endless answer', async () => {
    const port = await aServer((_request, response) => {
      response.writeHead(200);
      const flood = setInterval(() => response.write(Buffer.alloc(65_536)), 1);
      response.on('close', () => clearInterval(flood));
    });
    await expect(local().post(message(`http://127.0.0.1:${port}/`))).resolves.toEqual({ status: 200 });
  });

  it('gives up on a target that accepts and says nothing', async () => {
    const port = await listen(createTcpServer(() => undefined));
    const sending = local({ timeoutMs: 150 }).post(message(`http://127.0.0.1:${port}/`));
    await expect(sending).rejects.toMatchObject({ reason: 'timeout' });
  });

  it('gives up on an answer that never ends', async () => {
    const port = await aServer((_request, response) => {
      response.writeHead(200);
      response.write('a');
    });
    const sending = local({ timeoutMs: 150 }).post(message(`http://127.0.0.1:${port}/`));
    await expect(sending).rejects.toMatchObject({ reason: 'timeout' });
  });

  it('gives up on a name server that does not answer', async () => {
    const outbound = local({ timeoutMs: 150, resolve: () => new Promise(() => undefined) });
    await expect(outbound.post(message('https://slow.example/'))).rejects.toMatchObject({ reason: 'timeout' });
  });
});

describe('private targets', () => {
  it.each([
    'https://127.0.0.1/',
    'https://[::1]/',
    'https://[::ffff:10.0.0.1]/',
    'https://169.254.169.254/latest/meta-data',
    'https://2130706433/',
    'https://0x7f.1/',
    'https://017700000001/',
    'http://1.1.1.1/',
    'https://user:secret@example.org/',
    'ftp://example.org/',
    'file:///etc/passwd',
    'not a url',
  ])('%s is refused before anything is looked up', async (url) => {
    const outbound = createOutbound({
      allowList: [],
      resolve: () => Promise.reject(new Error('looked up')),
    });
    expect(outbound.fault(url)).toBeTypeOf('string');
    await expect(outbound.post(message(url))).rejects.toMatchObject({ reason: 'refused' });
  });

  it('[ASVS 1.3.6] a name is refused when any of its addresses is private, and nothing is connected to', async () => {
    let hits = 0;
    const port = await aServer((_request, response) => {
      hits += 1;
      response.end();
    });
    for (const addresses of [['127.0.0.1'], ['1.1.1.1', '127.0.0.1'], ['::1'], ['fd00::1', '1.1.1.1']]) {
      const outbound = createOutbound({ allowList: [], resolve: async () => addresses });
      const sending = outbound.post(message(`https://hook.example:${port}/`));
      await expect(sending).rejects.toMatchObject({ reason: 'refused' });
    }
    expect(hits).toBe(0);
  });

  it('the refusal does not tell which address the name has', async () => {
    const outbound = createOutbound({ allowList: [], resolve: async () => ['10.11.12.13'] });
    await expect(outbound.post(message('https://hook.example/'))).rejects.not.toThrow(/10\.11/);
  });

  it('[ASVS 1.3.6] a name is looked up once and the connection goes to that very address (no DNS rebinding)', async () => {
    let lookups = 0;
    const hosts: (string | undefined)[] = [];
    const port = await aServer((request, response) => {
      hosts.push(request.headers.host);
      response.end();
    });
    const outbound = local({
      resolve: async () => {
        lookups += 1;
        return lookups === 1 ? ['127.0.0.1'] : ['127.0.0.2'];
      },
    });
    await outbound.post(message(`http://rebind.example:${port}/`));
    expect({ lookups, hosts }).toEqual({ lookups: 1, hosts: [`rebind.example:${port}`] });
  });

  it('without TLS only what is allow-listed is reached', async () => {
    const outbound = createOutbound({ allowList: ['inside.example'], resolve: async () => ['1.1.1.1'] });
    await expect(outbound.post(message('http://outside.example/'))).rejects.toMatchObject({ reason: 'refused' });
    expect(outbound.fault('http://inside.example/')).toBeUndefined();
  });

  it('an allow-listed name may be private', async () => {
    const port = await aServer((_request, response) => response.end());
    const outbound = createOutbound({ allowList: ['inside.example'], resolve: async () => ['127.0.0.1'] });
    await expect(outbound.post(message(`http://inside.example:${port}/`))).resolves.toEqual({ status: 200 });
  });
});

describe('TLS', () => {
  async function aTlsServer(name: string): Promise<{ port: number; ca: string }> {
    const { key, cert } = aSelfSignedCertificate(name);
    const server = createTlsServer({ key, cert }, (_request, response) => response.end());
    return { port: await listen(server), ca: cert };
  }

  it('delivers over a verified connection', async () => {
    const { port, ca } = await aTlsServer('hook.example');
    const outbound = local({ ca, resolve: async () => ['127.0.0.1'] });
    await expect(outbound.post(message(`https://hook.example:${port}/`))).resolves.toEqual({ status: 200 });
  });

  it('[ASVS 12.3.2] sends nothing to a certificate of somebody else, or of an unknown authority', async () => {
    const { port, ca } = await aTlsServer('hook.example');
    const resolve = async () => ['127.0.0.1'];
    const wrongName = local({ ca, resolve }).post(message(`https://other.example:${port}/`));
    await expect(wrongName).rejects.toMatchObject({ reason: 'unreachable' });
    const unknown = local({ resolve }).post(message(`https://hook.example:${port}/`));
    await expect(unknown).rejects.toMatchObject({ reason: 'unreachable' });
  });
});
