import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * The Transit engine of Vault and OpenBao as their documentation has it answer: keys of type aes256-gcm96 with versions, tokens, seal and
 * unseal, standby. It encrypts in earnest, so a wrong key is a wrong key.
 */
export interface TransitServer {
  readonly origin: string;
  readonly token: string;
  keyUrl(name?: string): string;
  /** Makes another version; what older ones encrypted still decrypts. */
  rotate(): void;
  /** From now on only the newest version decrypts (min_decryption_version). */
  disallowOldVersions(): void;
  /** What it does instead of answering well. */
  misbehave(how: Misbehaviour | undefined): void;
  readonly requests: string[];
  close(): Promise<void>;
}

type Misbehaviour =
  | 'sealed'
  | 'maintenance'
  | 'standby'
  | 'garbage'
  | 'slow'
  | 'flood'
  | 'decrypt-forbidden'
  | 'other-plaintext';

interface Key {
  readonly versions: Buffer[];
  lowest: number;
}

const MAX_BODY_BYTES = 65_536;

export async function aTransitServer(): Promise<TransitServer> {
  const token = `hvs.${randomBytes(24).toString('base64url')}`;
  const keys = new Map<string, Key>();
  for (const name of ['valtronics', 'other']) keys.set(name, { versions: [randomBytes(32)], lowest: 1 });
  const requests: string[] = [];
  let misbehaviour: Misbehaviour | undefined;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    requests.push(`${request.method} ${request.url}`);
    const reply = (status: number, body: unknown, headers = {}): void => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    };
    const refuse = (status: number, ...errors: string[]): void => reply(status, { errors });
    const body = await bodyOf(request);
    if (misbehaviour === 'sealed') return refuse(503, 'Vault is sealed');
    if (misbehaviour === 'maintenance') return refuse(503, 'server is shutting down');
    if (misbehaviour === 'standby') return reply(307, {}, { location: 'https://active.example.org/' });
    if (misbehaviour === 'garbage') return void response.end('<html>Welcome to the proxy</html>');
    if (misbehaviour === 'flood') return void response.end('x'.repeat(1_000_000));
    if (misbehaviour === 'slow') await delay(3_000);
    const [, operation = '', name = ''] = /^\/v1\/transit\/(encrypt|decrypt)\/([\w.-]+)$/.exec(request.url ?? '') ?? [];
    if (request.headers['x-vault-token'] !== token) return refuse(403, 'permission denied');
    if (misbehaviour === 'decrypt-forbidden' && operation === 'decrypt')
      return refuse(403, '1 error occurred:\n\t* permission denied\n\n');
    if (operation === '') return refuse(404, `no handler for route "${request.url?.slice(4)}". route entry not found.`);
    const key = keys.get(name);
    if (key === undefined) return refuse(400, 'encryption key not found');
    if (operation === 'encrypt') return reply(200, { data: { ciphertext: encrypt(key, String(body['plaintext'])) } });
    try {
      const plaintext = decrypt(key, String(body['ciphertext']));
      reply(200, {
        data: { plaintext: misbehaviour === 'other-plaintext' ? Buffer.from('other').toString('base64') : plaintext },
      });
    } catch (error) {
      refuse(400, error instanceof Error ? error.message : String(error));
    }
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const own = (): Key => {
    const key = keys.get('valtronics');
    if (key === undefined) throw new Error('no key');
    return key;
  };

  return {
    origin,
    token,
    keyUrl: (name = 'valtronics') => `${origin}/v1/transit/keys/${name}`,
    rotate: () => own().versions.push(randomBytes(32)),
    disallowOldVersions: () => {
      own().lowest = own().versions.length;
    },
    misbehave: (how) => {
      misbehaviour = how;
    },
    requests,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function encrypt({ versions }: Key, plaintext: string): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', versions.at(-1) ?? Buffer.alloc(0), nonce);
  const bytes = Buffer.concat([nonce, cipher.update(plaintext, 'base64'), cipher.final(), cipher.getAuthTag()]);
  return `vault:v${versions.length}:${bytes.toString('base64')}`;
}

function decrypt({ versions, lowest }: Key, ciphertext: string): string {
  const [, number, text] = /^vault:v(\d+):(.+)$/.exec(ciphertext) ?? [];
  if (number === undefined || text === undefined) throw new Error('invalid ciphertext: no prefix');
  if (Number(number) < lowest) throw new Error('ciphertext or signature version is disallowed by policy (too old)');
  const key = versions[Number(number) - 1];
  if (key === undefined) throw new Error('invalid ciphertext: version is too new');
  const bytes = Buffer.from(text, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12));
  decipher.setAuthTag(bytes.subarray(-16));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString('base64');
  } catch {
    throw new Error('cipher: message authentication failed');
  }
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > MAX_BODY_BYTES) throw new Error('too long');
  }
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
}
