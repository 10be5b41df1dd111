import { ingestReceipt, limits, liveCloseCodes } from '@valtronics/contract';
import { WebSocket } from 'ws';
import type { Session } from './connection.ts';
import {
  ConnectionLost,
  defaults,
  type LinkOptions,
  LinkRefused,
  MessageRefused,
  PushedBack,
  patienceMs,
} from './link.ts';

interface WebSocketSessionOptions extends LinkOptions {
  readonly url: string;
}

interface Unanswered {
  readonly resolve: (outcome: { rejected: number }) => void;
  readonly reject: (reason: Error) => void;
}

const PING_EVERY_MS = 25_000;
const REFUSALS: readonly number[] = [liveCloseCodes.notAuthenticated, liveCloseCodes.refused];

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** What a `{type: 'error', problem, retryAfterSeconds?}` means for the message it answers. */
function faultOf(problem: unknown, retryAfterSeconds: unknown): Error {
  const fields = isRecord(problem) ? problem : {};
  const status = typeof fields.status === 'number' ? fields.status : 500;
  const text = `${String(fields.title ?? 'error')} (${String(fields.code ?? status)})`;
  if (status === 401 || status === 403) return new LinkRefused(`the server refuses the device: ${text}`);
  if (status !== 429 && status < 500) return new MessageRefused(text);
  return new PushedBack(text, patienceMs(typeof retryAfterSeconds === 'number' ? retryAfterSeconds : Number.NaN));
}

function readFrame(data: unknown): Record<string, unknown> {
  try {
    const frame: unknown = JSON.parse(String(data));
    return isRecord(frame) ? frame : {};
  } catch {
    return {};
  }
}

/** Opens one live connection: the token goes in the first message, never in the URL. Reconnecting is not its business. */
export function openWebSocketSession(
  options: WebSocketSessionOptions,
  lost: (reason: Error) => void,
  signal: AbortSignal,
): Promise<Session> {
  const connectTimeoutMs = options.connectTimeoutMs ?? defaults.connectTimeoutMs;
  const answerTimeoutMs = options.answerTimeoutMs ?? defaults.answerTimeoutMs;
  const { promise, resolve, reject } = Promise.withResolvers<Session>();
  const unanswered = new Map<number, Unanswered>();
  let gone = false;
  let nextId = 1;
  let heard = true;

  const socket = new WebSocket(options.url, {
    handshakeTimeout: connectTimeoutMs,
    maxPayload: limits.batchBytes * 4,
    perMessageDeflate: false,
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  });

  function finish(reason: Error): void {
    if (gone) return;
    gone = true;
    clearInterval(pinging);
    clearTimeout(opening);
    signal.removeEventListener('abort', abandon);
    lost(reason);
    for (const { reject: fail } of unanswered.values()) fail(reason);
    unanswered.clear();
    reject(reason);
    socket.terminate();
  }
  const abandon = () => finish(new ConnectionLost('the link is closed'));
  signal.addEventListener('abort', abandon, { once: true });
  const pinging = setInterval(() => {
    if (socket.readyState !== WebSocket.OPEN) return;
    if (!heard) return finish(new ConnectionLost(`nothing heard on the WebSocket for ${PING_EVERY_MS} ms`));
    heard = false;
    socket.send('{"type":"ping"}');
  }, PING_EVERY_MS);

  function publish(points: readonly string[]): Promise<{ rejected: number }> {
    if (gone) return Promise.reject(new ConnectionLost('the WebSocket is closed'));
    const id = nextId++;
    const { promise: answered, resolve: done, reject: fail } = Promise.withResolvers<{ rejected: number }>();
    const timer = setTimeout(
      () => finish(new ConnectionLost(`no answer within ${answerTimeoutMs} ms`)),
      answerTimeoutMs,
    );
    unanswered.set(id, { resolve: done, reject: fail });
    socket.send(`{"type":"publish","id":${id},"points":[${points.join(',')}]}`);
    return answered.finally(() => {
      clearTimeout(timer);
      unanswered.delete(id);
    });
  }

  const opening = setTimeout(
    () => finish(new ConnectionLost(`the server did not answer within ${connectTimeoutMs} ms`)),
    connectTimeoutMs,
  );
  socket.on('open', () => {
    socket.send(JSON.stringify({ type: 'auth', token: options.token }));
    // Signing in has no answer of its own, and until it is done the server takes no more than a few kilobytes. It handles
    // frames in order, so the answer to a ping says that we are in.
    socket.send('{"type":"ping"}');
  });

  function signedIn(): void {
    clearTimeout(opening);
    signal.removeEventListener('abort', abandon);
    resolve({
      deliver: ({ points }) => publish(points),
      async end() {
        socket.close(1000);
        finish(new ConnectionLost('the link is closed'));
      },
    });
  }

  socket.on('message', (data) => {
    heard = true;
    const { type, id, problem, retryAfterSeconds, accepted, duplicates, rejected } = readFrame(data);
    if (type === 'pong') return signedIn();
    const waiting = typeof id === 'number' ? unanswered.get(id) : undefined;
    if (type === 'accepted' && waiting) {
      const receipt = ingestReceipt.safeParse({ accepted, duplicates, rejected });
      if (receipt.success) waiting.resolve({ rejected: receipt.data.rejected.length });
      else waiting.reject(new PushedBack('the server answered with something that is no receipt'));
    } else if (type === 'error') {
      const fault = faultOf(problem, retryAfterSeconds);
      if (waiting) waiting.reject(fault);
      else options.onProblem?.(fault.message);
    }
  });
  socket.on('error', (error) => finish(new ConnectionLost(error.message)));
  socket.on('close', (code) => {
    const refused = REFUSALS.includes(code);
    finish(
      refused
        ? new LinkRefused(`the server refuses device ${options.deviceId} (${code})`)
        : new ConnectionLost(`the WebSocket was closed (${code})`),
    );
  });
  return promise;
}
