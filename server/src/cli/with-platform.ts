import { askServer } from '../control/control-client.ts';
import { type HostCommandName, type HostCommandOutput, runHostCommand } from '../control/host-commands.ts';
import { systemClock } from '../lib/clock.ts';
import { Problem } from '../lib/problem.ts';
import { type Config, loadConfig } from '../platform/config/config.ts';
import { createLogger, type Logger } from '../platform/log/log.ts';
import { catalogueLogRules } from '../security/fields/log-rules.ts';
import { CommandError } from './command-error.ts';

export function commandConfig(): Config {
  return loadConfig(undefined, { defaults: { VALTRONICS_LOG_LEVEL: 'error' } });
}

export function commandLog(config: Config): Logger {
  return createLogger({ level: config.logLevel, rules: catalogueLogRules, clock: systemClock });
}

/** Has one command done by the host. */
export type AskHost = <N extends HostCommandName>(name: N, input: unknown) => Promise<HostCommandOutput<N>>;

/** Has the running server do it; with none, builds the platform without opening a port and does it by the same functions. */
export const onHost: AskHost = (name, input) => withHost((ask) => ask(name, input));

/** Several in a row, which all find the same platform. */
export async function withHost<T>(work: (ask: AskHost) => Promise<T>): Promise<T> {
  const config = commandConfig();
  const uid = process.getuid?.() ?? 0;
  if ((await askServer(config.dataDir, 'database.place', { uid, input: {} })) !== null)
    return work(async (name, input) => {
      const answered = await askServer(config.dataDir, name, { uid, input });
      if (answered === null) throw new CommandError('the server ended meanwhile');
      return answered;
    });
  // Loaded only now: asking a running server needs none of it, and should take no second.
  const { createApp } = await import('../app.ts');
  return uninterrupted(async () => {
    const app = await createApp({ config, log: commandLog(config) });
    try {
      return await work((name, input) => runHostCommand(app.hostCommands, name, uid, input));
    } catch (error) {
      throw error instanceof Problem ? new CommandError(said(error)) : error;
    } finally {
      await app.stop();
    }
  });
}

/** Short work that has started a database ends it too: Ctrl-C waits for that. */
export async function uninterrupted<T>(work: () => Promise<T>): Promise<T> {
  const ignore = (): void => undefined;
  process.on('SIGINT', ignore);
  process.on('SIGTERM', ignore);
  try {
    return await work();
  } finally {
    process.off('SIGINT', ignore);
    process.off('SIGTERM', ignore);
  }
}

function said({ message, errors = [] }: Problem): string {
  return [message, ...errors.map(({ path, message }) => `${path}: ${message}`)].join('; ');
}
