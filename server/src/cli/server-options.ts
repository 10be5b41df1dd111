import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Target } from '@valtronics/simulator';
import { loadConfig } from '../platform/config/config.ts';
import { type ApiClient, signIn } from './api-client.ts';
import { CommandError, UsageError } from './command-error.ts';
import { readSecretLine } from './secret-line.ts';

/** Options of every command that talks to a server over the network, wherever it runs. */
export const serverOptions = {
  url: { type: 'string', value: 'URL', help: 'the server; https://localhost:8000 unless told' },
  mqtt: { type: 'string', value: 'URL', help: 'its broker; mqtts:// and port 8883 of the same host unless told' },
  ca: {
    type: 'string',
    value: 'FILE',
    help: 'authority of its certificate (PEM); tls/ca.pem of the data folder if there is one, else those of the system',
  },
  email: { type: 'string', value: 'EMAIL', help: 'sign in as this person, who may register devices' },
  'password-stdin': { type: 'boolean', help: 'read their password from standard input, the first line of it' },
  code: { type: 'string', value: 'CODE', help: 'what their authenticator shows, where they have one' },
} as const;

interface ServerValues {
  readonly url?: string | undefined;
  readonly mqtt?: string | undefined;
  readonly ca?: string | undefined;
  readonly email?: string | undefined;
  readonly 'password-stdin'?: boolean | undefined;
  readonly code?: string | undefined;
}

export function targetOf(values: ServerValues): Target {
  const config = loadConfig();
  const http = addressOf('url', values.url ?? config.publicUrl.origin, ['https:', 'http:']);
  const mqtt = addressOf('mqtt', values.mqtt ?? `mqtts://${http.hostname}:${config.mqtt.port}`, ['mqtts:', 'mqtt:']);
  for (const { hostname, protocol } of [http, mqtt]) {
    if ((protocol === 'http:' || protocol === 'mqtt:') && !['localhost', '127.0.0.1', '[::1]'].includes(hostname))
      throw new UsageError(`${protocol}//${hostname} would carry tokens in clear: use TLS off this machine`);
  }
  const own = join(config.dataDir, 'tls', 'ca.pem');
  const caFile = values.ca ?? (existsSync(own) ? own : undefined);
  return { httpUrl: http.origin, mqttUrl: mqtt.href, ca: caFile === undefined ? undefined : readText('ca', caFile) };
}

/** Signs in with `--email` and `--password-stdin`; undefined when neither is given. */
export async function signInWith(values: ServerValues, target: Target): Promise<ApiClient | undefined> {
  const { email } = values;
  const hasPassword = values['password-stdin'] === true;
  if (email === undefined && !hasPassword) return undefined;
  if (email === undefined) throw new UsageError('--password-stdin needs --email');
  if (!hasPassword) throw new UsageError('--email needs --password-stdin');
  const password = await readSecretLine(process.stdin);
  if (password === '') throw new UsageError('there is no password on standard input');
  return signIn({ url: target.httpUrl, ca: target.ca?.toString() }, { email, password, code: values.code });
}

/** A file named by an option. */
export function readText(option: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(`--${option} ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

function addressOf(option: string, text: string, protocols: readonly string[]): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !protocols.includes(url.protocol) || url.username !== '' || url.password !== '')
    throw new UsageError(`--${option} takes an address such as ${protocols[0]}//localhost`);
  return url;
}
