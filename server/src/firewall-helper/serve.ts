import { chmodSync, chownSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Keeper } from './keeper.ts';
import { readRequest } from './request.ts';

const MOST_CONNECTIONS = 16;
/** A request has some eighty characters. */
const MOST_LINE = 512;
const MOST_WAITING = 1_000;
/** Who is cut off may read why for so long. */
const HEARD_OUT_MS = 1_000;

/**
 * Listens where only the file's owner and group can connect (0660): who may open the socket may ask. It is made closed and then opened to the
 * group, so nobody gets in between.
 */
export async function serve(path: string, gid: number | undefined, keeper: Keeper): Promise<Server> {
  if (await isAnswered(path)) throw new Error(`something else listens at ${path}`);
  rmSync(path, { force: true });
  const server = createServer((socket) => attend(socket, keeper));
  server.maxConnections = MOST_CONNECTIONS;
  const before = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
  } finally {
    process.umask(before);
  }
  if (gid !== undefined) chownSync(path, 0, gid);
  chmodSync(path, 0o660);
  return server;
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.on('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.on('error', () => resolve(false));
  });
}

/** One request a line, answered in order. Whoever sends anything else is told so and cut off: it is not our server. */
function attend(socket: Socket, keeper: Keeper): void {
  let rest = '';
  let waiting = 0;
  let refused = false;
  let answers = Promise.resolve();
  socket.setEncoding('latin1');
  socket.on('error', () => socket.destroy());

  function say(answer: object, end: boolean): void {
    if (socket.writable) socket.write(`${JSON.stringify(answer)}\n`);
    if (!end) return;
    // What it still sends is read and thrown away for a moment: were it left unread, the answer would be lost with the connection.
    refused = true;
    socket.end();
    socket.resume();
    setTimeout(() => socket.destroy(), HEARD_OUT_MS).unref();
  }
  function take(line: string): void {
    const request = readRequest(line);
    waiting += 1;
    if (waiting >= MOST_WAITING) socket.pause();
    const work =
      typeof request === 'string' || request.op === 'list'
        ? Promise.resolve()
        : request.op === 'add'
          ? keeper.add(request.network, request.seconds)
          : keeper.del(request.network);
    const outcome = work.then(
      () => undefined,
      (error: Error) => error.message.slice(0, 200),
    );
    answers = answers.then(async () => {
      const failed = await outcome;
      waiting -= 1;
      if (waiting < MOST_WAITING) socket.resume();
      if (typeof request === 'string') say({ ok: false, error: request }, true);
      else if (failed !== undefined) say({ ok: false, error: failed }, false);
      else say(request.op === 'list' ? { ok: true, items: keeper.list() } : { ok: true }, false);
    });
  }
  socket.on('data', (chunk: string) => {
    if (refused) return;
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.length <= MOST_LINE) take(line);
    if (rest.length <= MOST_LINE && lines.every(({ length }) => length <= MOST_LINE)) return;
    say({ ok: false, error: 'the line is too long' }, true);
  });
}
