import { type Endpoint, problemBody } from '@valtronics/contract';
import type { z } from 'zod';
import { endpointUrl } from './endpoint-url.ts';
import { tellPersonalData } from './personal-data-note.ts';
import { asProblem, ProblemError, unreachable } from './problem-error.ts';
import { mayRepeat } from './step-up.ts';

/** Query values may be given as what they stand for; the address turns them into text. */
type AsText<I> = { [K in keyof I]: I[K] | number | boolean | undefined };

type ParamsOf<E> = E extends { readonly params: infer P extends z.ZodType } ? { params: z.input<P> } : unknown;
type QueryOf<E> = E extends { readonly query: infer Q extends z.ZodType }
  ? Record<never, never> extends z.input<Q>
    ? { query?: AsText<z.input<Q>> | undefined }
    : { query: AsText<z.input<Q>> }
  : unknown;
type BodyOf<E> = E extends { readonly body: infer B extends z.ZodType } ? { body: z.input<B> } : unknown;

export type InputOf<E extends Endpoint> = ParamsOf<E> & QueryOf<E> & BodyOf<E>;
/** `raw` answers are text: what a person keeps as a file. */
export type ResultOf<E extends Endpoint> = E['response'] extends z.ZodType
  ? z.output<E['response']>
  : E['response'] extends 'raw'
    ? string
    : undefined;

interface AnyInput {
  params?: Record<string, unknown>;
  query?: Record<string, string | number | boolean | undefined>;
  body?: unknown;
}

const timeoutMs = 30_000;
const longestPatienceSeconds = 2;

/**
 * Calls an endpoint of the contract. The types of what goes in and comes out are the contract's own; the answer is not parsed again,
 * because server and page are built from the same contract and a list of a thousand rows would pay for it. What needs a fresh proof is
 * sent again once the person gave it; what the person does not want to prove is refused in the server's words.
 */
export async function call<E extends Endpoint>(
  endpoint: E,
  input: InputOf<E>,
  signal?: AbortSignal,
): Promise<ResultOf<E>> {
  const beganAt = performance.now();
  try {
    return await sendWithPatience(endpoint, input, signal);
  } catch (error) {
    if (signal?.aborted || !(await mayRepeat(asProblem(error), beganAt))) throw error;
    return sendWithPatience(endpoint, input, signal);
  }
}

/**
 * Some people who sign in at one moment behind one address are too many for a second. Of what was refused for that nothing was done, so where
 * the server asks for so short a wait, it is sent once more and nobody is troubled.
 */
async function sendWithPatience<E extends Endpoint>(
  endpoint: E,
  input: InputOf<E>,
  signal?: AbortSignal,
): Promise<ResultOf<E>> {
  try {
    return await send(endpoint, input, signal);
  } catch (error) {
    const { code, retryAfterSeconds = Number.POSITIVE_INFINITY } = asProblem(error);
    if (code !== 'too_many_requests' || retryAfterSeconds > longestPatienceSeconds) throw error;
    await new Promise((resolve) => setTimeout(resolve, retryAfterSeconds * 1000));
    if (signal?.aborted) throw error;
    return send(endpoint, input, signal);
  }
}

async function send<E extends Endpoint>(endpoint: E, input: InputOf<E>, signal?: AbortSignal): Promise<ResultOf<E>> {
  const { params, query, body } = input as AnyInput;
  const timeout = AbortSignal.timeout(timeoutMs);
  let response: Response;
  try {
    response = await fetch(endpointUrl(endpoint, params, query), {
      method: endpoint.method,
      credentials: 'same-origin',
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw unreachable();
  }
  if (!response.ok) throw await problemOf(response);
  tellPersonalData(response.headers);
  if (response.status === 204 || endpoint.response === 'empty') return undefined as ResultOf<E>;
  try {
    if (endpoint.response === 'raw') return (await response.text()) as ResultOf<E>;
    return (await response.json()) as ResultOf<E>;
  } catch (error) {
    // The connection broke in the middle of the answer.
    if (signal?.aborted) throw error;
    throw unreachable();
  }
}

async function problemOf(response: Response): Promise<ProblemError> {
  const retryAfter = Number(response.headers.get('retry-after'));
  const seconds = Number.isFinite(retryAfter) && retryAfter > 0 ? retryAfter : undefined;
  const parsed = problemBody.safeParse(await response.json().catch(() => undefined));
  if (parsed.success) return new ProblemError(parsed.data, seconds);
  return new ProblemError(
    { status: response.status, code: 'internal', title: `The server answered ${response.status}` },
    seconds,
  );
}
