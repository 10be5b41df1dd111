import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { TransitKeyPlace } from '../../platform/config/connection-urls.ts';
import type { Secret } from '../../platform/config/secret.ts';
import { createOutbound, type OutboundAnswer } from '../../platform/outbound/outbound.ts';
import { OutboundError } from '../../platform/outbound/outbound-error.ts';

// The Transit engine of Vault and OpenBao, as far as we need it: https://developer.hashicorp.com/vault/api-docs/secret/transit, and for what a status
// means https://developer.hashicorp.com/vault/api-docs#http-status-codes. Both servers speak it alike.

export type TransitProblem = 'unavailable' | 'sealed' | 'forbidden' | 'missing' | 'refused' | 'bad-answer';

/** One line that names the server and the remedy, fit to end the start of ours. */
export class TransitError extends Error {
  override readonly name = 'TransitError';
  readonly problem: TransitProblem;

  constructor(problem: TransitProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.problem = problem;
  }
}

export interface Transit {
  /** The ciphertext, a line that starts with `vault:v`, or a TransitError. */
  encrypt(plaintext: Uint8Array): Promise<string>;
  /** What was encrypted, or a TransitError. */
  decrypt(ciphertext: string): Promise<Buffer>;
}

export interface TransitOptions {
  readonly key: TransitKeyPlace;
  readonly token: Secret;
  /** For one request, in milliseconds; ten seconds unless told. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 64 * 1024;
const MAX_REASON_LENGTH = 200;

const encrypted = z.object({ data: z.object({ ciphertext: z.string().regex(/^vault:v\d+:[\w+/=]{1,4096}$/) }) });
const decrypted = z.object({ data: z.object({ plaintext: z.base64().max(4_096) }) });
const refusal = z.object({ errors: z.array(z.string()).min(1) });

export function createTransit({ key, token, timeoutMs = TIMEOUT_MS }: TransitOptions): Transit {
  const { origin, mount, keyName, caFile } = key;
  const ca = caFile === undefined ? undefined : readAuthorities(caFile);
  // It usually stands in the same private network; whoever runs the server named it, so it is no place a user chose.
  const outbound = createOutbound({ allowList: [new URL(origin).hostname.replace(/^\[(.*)\]$/, '$1')] });

  async function ask(operation: 'encrypt' | 'decrypt', body: unknown): Promise<unknown> {
    const answer = await outbound
      .ask({
        url: `${origin}/v1/${mount}/${operation}/${keyName}`,
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-vault-token': token.reveal() },
        body: JSON.stringify(body),
        maxBytes: MAX_ANSWER_BYTES,
        timeoutMs,
        tls: { ca },
      })
      .catch((error: unknown) => {
        throw unreached(error, origin);
      });
    const content = parsed(answer);
    if (answer.status === 200) return content;
    throw refused(answer.status, content, { origin, operation, keyPath: `${mount}/keys/${keyName}` });
  }

  return {
    async encrypt(plaintext) {
      const answer = encrypted.safeParse(
        await ask('encrypt', { plaintext: Buffer.from(plaintext).toString('base64') }),
      );
      if (!answer.success) throw badAnswer(origin);
      return answer.data.data.ciphertext;
    },
    async decrypt(ciphertext) {
      const answer = decrypted.safeParse(await ask('decrypt', { ciphertext }));
      if (!answer.success) throw badAnswer(origin);
      return Buffer.from(answer.data.data.plaintext, 'base64');
    },
  };
}

function readAuthorities(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new TransitError(
      'unavailable',
      `${file}, which VALTRONICS_TRANSIT_KEY names, cannot be read: check the path`,
      {
        cause: error,
      },
    );
  }
}

function parsed({ body }: OutboundAnswer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

function unreached(error: unknown, origin: string): Error {
  if (!(error instanceof OutboundError)) return error instanceof Error ? error : new Error(String(error));
  if (error.reason === 'bad_answer') return badAnswer(origin);
  return new TransitError(
    'unavailable',
    `the root key cannot be unwrapped: ${origin}: ${error.message}; start again once Vault answers (a server that runs already needs it no more)`,
    { cause: error },
  );
}

function refused(
  status: number,
  content: unknown,
  { origin, operation, keyPath }: { origin: string; operation: string; keyPath: string },
): TransitError {
  const reason = reasonIn(content);
  // 503 is "down for maintenance or currently sealed" (status codes); which of them only the text says.
  if (status === 503 && /sealed/i.test(reason))
    return new TransitError('sealed', `Vault at ${origin} is sealed: unseal it, then start again`);
  if (status === 403)
    return new TransitError(
      'forbidden',
      `Vault at ${origin} refuses VALTRONICS_TRANSIT_TOKEN for ${operation} with ${keyPath}: give a token that has not ended and whose policy allows update on it`,
    );
  if (status === 404)
    return new TransitError(
      'missing',
      `Vault at ${origin} knows no ${keyPath}: check the path in VALTRONICS_TRANSIT_KEY, and that the Transit engine is enabled there`,
    );
  if (status === 400)
    return new TransitError(
      'refused',
      `Vault at ${origin} cannot ${operation} the root key with ${keyPath} (${reason}): name the Transit key that wrapped it, in a version that is still allowed`,
    );
  if (status >= 300 && status < 400)
    return new TransitError(
      'unavailable',
      `Vault at ${origin} redirects, as a standby does: name the active node or the load balancer in VALTRONICS_TRANSIT_KEY`,
    );
  return new TransitError(
    'unavailable',
    `Vault at ${origin} answers ${status} (${reason}): start again once it is well`,
  );
}

/** Vault's own words, as far as they may stand in a line of ours. */
function reasonIn(content: unknown): string {
  const found = refusal.safeParse(content);
  const text = found.success ? found.data.errors.join('; ') : 'without a reason';
  return text.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, MAX_REASON_LENGTH);
}

const badAnswer = (origin: string): TransitError =>
  new TransitError(
    'bad-answer',
    `${origin} does not answer as Transit of Vault or OpenBao does: check VALTRONICS_TRANSIT_KEY and what stands in between`,
  );
