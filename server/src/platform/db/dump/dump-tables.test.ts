import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { aDatabase } from '../../../../../tests/support/database.ts';
import { openDump } from './dump-tables.ts';

const COPY_DONE = 'c';

/** The way to a database on which what comes behind the last row of a table arrives later than that row, as over any network it may. */
async function aSlowEnding(connection: pg.ClientConfig): Promise<pg.ClientConfig> {
  const sockets: Socket[] = [];
  const server = createServer((client) => {
    const upstream = connect(`${connection.host}/.s.PGSQL.${connection.port}`);
    sockets.push(client, upstream);
    for (const socket of [client, upstream]) socket.on('error', () => undefined);
    client.pipe(upstream);
    (async () => {
      let rest = Buffer.alloc(0);
      for await (const block of upstream) {
        rest = Buffer.concat([rest, block]);
        // One message after the other: a letter, and a length that counts itself.
        while (rest.length >= 5 && rest.length > rest.readUInt32BE(1)) {
          const end = 1 + rest.readUInt32BE(1);
          client.write(rest.subarray(0, end));
          if (rest.toString('latin1', 0, 1) === COPY_DONE) await delay(50);
          rest = rest.subarray(end);
        }
      }
      client.end();
    })().catch(() => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as { port: number };
  return { ...connection, host: '127.0.0.1', port };
}

test('rows are counted to the end, also where the number comes after the last of them', async () => {
  const database = await aDatabase();
  onTestFinished(() => database.drop());
  await database.admin.query(
    `insert into organisations (public_id, name) select gen_random_uuid(), 'one of 7' from generate_series(1, 7)`,
  );
  const dump = await openDump(await aSlowEnding(database.connection('owner')));
  try {
    const table = dump.tables.find(({ name }) => name === 'organisations');
    if (!table) throw new Error('no such table');
    const { blocks, rows } = dump.copy(table);
    for await (const _ of blocks);
    expect(await rows()).toBe(7);
  } finally {
    await dump.close();
  }
});
