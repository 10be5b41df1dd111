import { request } from 'node:http';
import { CONTROL_VERSION, controlFault, readBody } from './control-protocol.ts';
import { type HostCommandName, type HostCommandOutput, hostCommandShapes } from './host-commands.ts';
import { ControlSocketError, socketPlace } from './socket-place.ts';

/** More than any command takes; a server that hangs must not hang the command with it. */
const ANSWER_WITHIN_MS = 30_000;

/** The running server refused or failed; one line. */
export class ControlRefusedError extends Error {
  override readonly name = 'ControlRefusedError';
}

/** Has the running server do it. `null`: no server runs on this data folder. */
export async function askServer<N extends HostCommandName>(
  dataDir: string,
  name: N,
  asked: { readonly uid: number; readonly input: unknown },
): Promise<HostCommandOutput<N> | null> {
  const socketPath = socketPlace(dataDir);
  if (socketPath === undefined) return null;
  const answer = await post(socketPath, `/${CONTROL_VERSION}/${name}`, JSON.stringify(asked));
  if (answer === null) return null;
  if (answer.status !== 200) {
    const fault = controlFault.safeParse(answer.body).data;
    const fields = (fault?.errors ?? []).map(({ path, message }) => `${path}: ${message}`);
    throw new ControlRefusedError([fault?.detail ?? `the server answered ${answer.status}`, ...fields].join('; '));
  }
  const output = hostCommandShapes[name].output.safeParse(answer.body);
  if (!output.success) throw new ControlRefusedError('the running server is of another version: restart it');
  return output.data as HostCommandOutput<N>;
}

function post(socketPath: string, path: string, body: string): Promise<{ status: number; body: unknown } | null> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: unknown } | null>();
  const asking = request(
    {
      socketPath,
      path,
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    },
    (response) => {
      readBody(response).then((read) => resolve({ status: response.statusCode ?? 0, body: read }), reject);
    },
  );
  asking.on('error', (error: NodeJS.ErrnoException) => {
    // Nothing there, or a socket whose server was killed.
    if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(null);
    else if (error.code === 'EACCES')
      reject(new ControlSocketError(`${socketPath} belongs to another user: run this as the user of the server`));
    else if (error.name === 'AbortError' || error.name === 'TimeoutError')
      reject(new ControlRefusedError(`the server did not answer within ${ANSWER_WITHIN_MS / 1000} s`));
    else reject(error);
  });
  asking.end(body);
  return promise;
}
