// A server reduced to its database, for the fault tests to kill: starts it in the given data folder, prints the administrator's
// connection as one JSON line, and stops cleanly on SIGTERM.
import { startEmbeddedPostgres } from '../../server/src/platform/db/embedded.ts';

const [dataDir = ''] = process.argv.slice(2);
const quiet = { info() {}, warn() {}, error() {} };

try {
  const postgres = await startEmbeddedPostgres({ dataDir, log: quiet });
  const alive = setInterval(() => {}, 60_000);
  process.once('SIGTERM', async () => {
    await postgres.stop();
    clearInterval(alive);
  });
  console.log(JSON.stringify({ pid: postgres.pid(), connection: postgres.adminConnection() }));
} catch (error) {
  console.error(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  process.exitCode = 1;
}
