import { type Addresses, type App, createApp } from './app.ts';
import { ensureWebIsBuilt } from './build-web.ts';
import { systemClock } from './lib/clock.ts';
import { type Config, loadConfig } from './platform/config/config.ts';
import { createLogger } from './platform/log/log.ts';
import { startupFault } from './startup-fault.ts';

export interface RunOptions {
  /** Values for settings the environment says nothing of. */
  readonly defaults?: Readonly<Record<string, string>>;
  /** Said on standard output once the ports are open, instead of the usual lines. */
  onListening?(app: App, config: Config, addresses: Addresses): Promise<void>;
}

const STOP_WITHIN_MS = 25_000;

/** Runs the server until SIGTERM or SIGINT. A fault at the start is one line on standard error and exit code 1. */
export async function runServer(options: RunOptions): Promise<void> {
  try {
    const config = loadConfig(process.env, options.defaults ? { defaults: options.defaults } : {});
    const log = createLogger({ level: config.logLevel, clock: systemClock });
    await ensureWebIsBuilt();
    const app = await createApp({ config, log });
    stopOnSignals(app);
    const addresses = await app.listen();
    if (options.onListening) await options.onListening(app, config, addresses);
    else await welcome(app, config, addresses);
  } catch (error) {
    process.stderr.write(`valtronics: ${startupFault(error)}\n`);
    process.exit(1);
  }
}

function stopOnSignals(app: App): void {
  let stopping = false;
  const stop = async (): Promise<void> => {
    // A second signal must not interrupt what the first is bringing to safety.
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref();
    await app.stop();
    process.exit(0);
  };
  process.on('SIGTERM', () => void stop());
  process.on('SIGINT', () => void stop());
}

async function welcome(app: App, config: Config, addresses: Addresses): Promise<void> {
  const organisation = await app.identity.firstStart.ensureOrganisation('My organisation');
  const lines = [`Valtronics is running on ${config.publicUrl.origin} (MQTT over TLS: port ${addresses.mqtt})`];
  if (app.caFile) lines.push(`Trust its certificate authority: ${app.caFile}`);
  if (!organisation.hasAdministrator) {
    if (config.admin) {
      await app.identity.firstStart.createAccount(
        { kind: 'system', id: 'settings', label: null },
        {
          organisationId: organisation.id,
          email: config.admin.email,
          name: null,
          role: 'admin',
          password: config.admin.password.reveal(),
        },
      );
      lines.push(`Created the administrator ${config.admin.email}.`);
    } else {
      const link = await app.identity.firstStart.administratorLink(organisation.id);
      lines.push('Create the first administrator (this link works once, for 30 minutes):', `  ${link.url}`);
    }
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}
