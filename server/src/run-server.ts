import { type App, createApp } from './app.ts';
import { assertPortsFree } from './assert-ports-free.ts';
import { ensureWebIsBuilt } from './build-web.ts';
import { openControlServer } from './control/control-server.ts';
import { systemClock } from './lib/clock.ts';
import { mask } from './lib/masking.ts';
import type { Addresses } from './open-ports.ts';
import { type Config, loadConfig } from './platform/config/config.ts';
import { createLogger } from './platform/log/log.ts';
import { runUntilStopped } from './run-until-stopped.ts';
import { catalogueLogRules } from './security/fields/log-rules.ts';

/** `npm start`: the platform, until it is told to stop. */
export function runServer(): Promise<never> {
  return runUntilStopped(async ({ signal, onStop }) => {
    const config = loadConfig();
    const log = createLogger({ level: config.logLevel, rules: catalogueLogRules, clock: systemClock });
    await assertPortsFree(config);
    await ensureWebIsBuilt({ onBuild: () => process.stderr.write('Building the dashboard (once) …\n') });
    signal.throwIfAborted();
    const app = await createApp({ config, log });
    onStop(() => app.stop());
    signal.throwIfAborted();
    const addresses = await app.listen();
    const control = await openControlServer({ dataDir: config.dataDir, commands: app.hostCommands, log });
    onStop(() => control.close());
    await welcome(app, config, addresses);
  });
}

async function welcome(app: App, config: Config, addresses: Addresses): Promise<void> {
  const organisation = await app.identity.firstStart.ensureOrganisation('My organisation');
  const lines = [`Valtronics is running on ${config.publicUrl.origin} (MQTT over TLS: port ${addresses.mqtt})`];
  if (addresses.devices !== undefined) lines.push(`Devices with a certificate: HTTPS on port ${addresses.devices}`);
  if (addresses.keys !== undefined) lines.push(`API keys with a certificate: HTTPS on port ${addresses.keys}`);
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
      // Under a service manager this becomes a log.
      lines.push(`Created the administrator ${mask('email', config.admin.email)}.`);
    } else {
      const link = await app.identity.firstStart.administratorLink(organisation.id);
      lines.push('Create the first administrator (this link works once, for 30 minutes):', `  ${link.url}`);
    }
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}
