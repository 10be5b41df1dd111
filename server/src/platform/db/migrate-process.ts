// Runs the migrations in a process of its own, so that the owner's password never lives in the one that serves. The connection comes on
// standard input: arguments and environment of a process can be read by others.
import { text } from 'node:stream/consumers';
import type pg from 'pg';
import { migrate } from './migrate.ts';

const { connection, folder, upTo } = JSON.parse(await text(process.stdin)) as {
  connection: pg.ClientConfig;
  folder: string;
  upTo?: number;
};
try {
  const result = await migrate(connection, folder, upTo);
  process.stdout.write(JSON.stringify(result));
} catch (error) {
  process.stderr.write(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
