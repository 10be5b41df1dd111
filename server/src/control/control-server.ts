import { chmodSync, lstatSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { Problem } from '../lib/problem.ts';
import { CONTROL_VERSION, type ControlFault, controlRequest, readBody } from './control-protocol.ts';
import { type HostCommandName, type HostCommands, hostCommandShapes, runHostCommand } from './host-commands.ts';
import { ControlSocketError, forgetSocketPlace, makeSocketPlace } from './socket-place.ts';

export interface ControlServer {
  readonly socket: string;
  close(): Promise<void>;
}

const LIMITS = { maxHeaderSize: 4_096, headersTimeout: 2_000, requestTimeout: 5_000, connectionsCheckingInterval: 500 };
const MOST_CONNECTIONS = 8;
const PROBE_MS = 2_000;
const PREFIX = `/${CONTROL_VERSION}/`;

/**
 * The door for the `valtronics` command while a server runs. It asks for no credential: only the server's own user and root can open
 * the socket (0600 in a folder of 0700), and both could read the root key anyway. What is done is audited as `cli:<uid>`.
 */
export async function openControlServer(options: {
  dataDir: string;
  commands: HostCommands;
  log: { error(fields: object, message: string): void };
}): Promise<ControlServer> {
  const { dataDir, commands, log } = options;
  const socket = makeSocketPlace(dataDir);
  await clearStaleSocket(socket, dataDir);

  const server = createServer({ ...LIMITS, keepAlive: false }, (request, response) => {
    void answer(commands, request).then(
      (result) => send(response, 200, result),
      (error: unknown) => {
        const fault = faultOf(error);
        if (!(error instanceof Problem)) log.error({ err: error }, 'a command over the control socket failed');
        send(response, error instanceof Problem ? error.status : 500, fault);
      },
    );
  });
  server.maxConnections = MOST_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socket, resolve);
  });
  chmodSync(socket, 0o600);
  return {
    socket,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      await closed;
      forgetSocketPlace(dataDir, socket);
    },
  };
}

async function answer(commands: HostCommands, request: IncomingMessage): Promise<unknown> {
  const { method, url = '' } = request;
  if (!url.startsWith(PREFIX))
    throw new Problem('not_found', { detail: 'the running server is of another version: restart it' });
  const name = url.slice(PREFIX.length);
  if (method !== 'POST' || !isCommand(name))
    throw new Problem('not_found', { detail: 'the running server does not know this command: restart it' });
  const body = controlRequest.safeParse(await readBody(request));
  if (!body.success) throw new Problem('malformed_json');
  const { uid, input } = body.data;
  // Who can open the socket is our own user or root; whoever says something else is mistaken, and would spoil the record.
  if (uid !== 0 && uid !== process.getuid?.()) throw new Problem('forbidden', { detail: 'this is not your server' });
  return runHostCommand(commands, name, uid, input);
}

const isCommand = (name: string): name is HostCommandName => Object.hasOwn(hostCommandShapes, name);

function faultOf(error: unknown): ControlFault {
  if (!(error instanceof Problem)) return { detail: 'the server failed: see its log', errors: [] };
  return { detail: error.message, errors: (error.errors ?? []).map(({ path, message }) => ({ path, message })) };
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

/** A socket nobody answers on was left by a server that was killed. */
async function clearStaleSocket(socket: string, dataDir: string): Promise<void> {
  const found = lstatSync(socket, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) throw new ControlSocketError(`${socket} is in the way: move it elsewhere`);
  if (await isAnswered(socket)) {
    throw new ControlSocketError(
      `another server runs on the data folder ${dataDir}: stop it first, or give this one a VALTRONICS_DATA_DIR of its own`,
    );
  }
  rmSync(socket, { force: true });
}

function isAnswered(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socket);
    const done = (answered: boolean): void => {
      probe.destroy();
      resolve(answered);
    };
    probe.setTimeout(PROBE_MS, () => done(true));
    probe.once('connect', () => done(true));
    probe.once('error', () => done(false));
  });
}
