import { join } from 'node:path';
import { type AddressList, isLoopbackHost } from './addresses.ts';
import { ConfigError } from './config-error.ts';
import type { ObjectStorePlace, TransitKeyPlace } from './connection-urls.ts';
import { type Environment, refuseUnknownNames } from './raw-settings.ts';
import { fileOf, readSetting } from './read-setting.ts';
import type { Secret } from './secret.ts';
import { type Setting, settings } from './settings.ts';
import { refuseSharedFolders } from './shared-folders.ts';

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';

interface TlsConfig {
  readonly mode: 'auto' | 'files' | 'off';
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
}

export interface Config {
  readonly dataDir: string;
  readonly publicUrl: URL;
  readonly http: { readonly host: string; readonly port: number };
  readonly devicePort: number | undefined;
  readonly keyPort: number | undefined;
  /** Whether tokens of people must be bound to a key of their client. */
  readonly dpopRequired: boolean;
  readonly mqtt: { readonly host: string; readonly port: number; readonly plainPort: number | undefined };
  readonly tls: TlsConfig;
  readonly databaseUrl: Secret | undefined;
  readonly redisUrl: Secret | undefined;
  readonly smtpUrl: Secret | undefined;
  readonly backups: {
    readonly folder: string | undefined;
    /** Instead of a folder. */
    readonly bucket: ObjectStorePlace | undefined;
    readonly recipients: readonly string[];
    /** File of the age identity that drills open backups with. */
    readonly drillIdentity: string | undefined;
    /** 0: only when told. */
    readonly everyHours: number;
    /** 0: only when told. */
    readonly drillEveryDays: number;
    /** 0: to no moment but those of backups. */
    readonly pointInTimeDays: number;
    /** How many days, weeks and months that have one keep their newest. */
    readonly keep: { readonly daily: number; readonly weekly: number; readonly monthly: number };
  };
  readonly trustedProxies: AddressList;
  /** Never blocked. */
  readonly allowList: AddressList;
  /** Of the helper that drops in the kernel what is banned. */
  readonly firewallSocket: string | undefined;
  /** Whether a second engine inspects requests where one is installed. */
  readonly secondEngine: boolean;
  readonly admin: { readonly email: string; readonly password: Secret } | undefined;
  readonly mfaRequiredRoles: readonly string[];
  readonly passkeyRequiredRoles: readonly string[];
  /** Without a slash at its end. */
  readonly breachedPasswordsUrl: string | undefined;
  readonly audit: { readonly retentionDays: number; readonly checkpointFile: string | undefined };
  readonly accessTokenMinutes: number;
  /** Of a browser. */
  readonly sessionTimes: { readonly idleMs: number; readonly absoluteMs: number };
  readonly signingKeys: { readonly algorithm: 'ES256' | 'EdDSA'; readonly everyDays: number };
  readonly rootKeyFile: string;
  readonly keyStoreCopies: { readonly folder: string | undefined; readonly days: number };
  /** The root key itself, when VALTRONICS_ROOT_KEY_FILE gave it. */
  readonly rootKey: Secret | undefined;
  /** Then that file. */
  readonly rootKeyMount: string | undefined;
  /** What unwraps the root key instead. */
  readonly transit: { readonly key: TransitKeyPlace; readonly token: Secret } | undefined;
  /** What a device may send, in messages. */
  readonly ingestRate: { readonly perSecond: number; readonly burst: number };
  readonly securityEventDays: number;
  readonly metricsToken: Secret | undefined;
  readonly logLevel: LogLevel;
  readonly webhookAllowList: readonly string[];
  readonly siemFolders: readonly string[];
}

export interface LoadOptions {
  readonly cwd?: string;
  /** Texts used where the environment says nothing, by setting name; the demo has its own data folder this way. */
  readonly defaults?: Environment;
}

/** Reads and checks every setting, or throws a ConfigError that names the first one at fault. */
export function loadConfig(env: Environment = process.env, options: LoadOptions = {}): Config {
  refuseUnknownNames(
    env,
    Object.values(settings).map((setting) => setting.name),
  );
  const cwd = options.cwd ?? process.cwd();
  const read = <T>(setting: Setting<T>): T => readSetting(setting, env, options.defaults ?? {}, cwd);

  const httpHost = read(settings.httpHost);
  const httpPort = read(settings.httpPort);
  const dataDir = read(settings.dataDir);
  const tls: TlsConfig = {
    mode: read(settings.tls),
    certFile: read(settings.tlsCert),
    keyFile: read(settings.tlsKey),
  };
  const rootKey = read(settings.rootKey);
  const config: Config = {
    dataDir,
    publicUrl: read(settings.publicUrl) ?? new URL(`${tls.mode === 'off' ? 'http' : 'https'}://localhost:${httpPort}`),
    http: Object.freeze({ host: httpHost, port: httpPort }),
    devicePort: read(settings.devicePort),
    keyPort: read(settings.keyPort),
    dpopRequired: read(settings.dpop) === 'required',
    mqtt: Object.freeze({
      host: read(settings.mqttHost) ?? httpHost,
      port: read(settings.mqttPort),
      plainPort: read(settings.mqttPlainPort),
    }),
    tls: Object.freeze(tls),
    databaseUrl: read(settings.databaseUrl),
    redisUrl: read(settings.redisUrl),
    smtpUrl: read(settings.smtpUrl),
    backups: Object.freeze({
      folder: read(settings.backupFolder),
      bucket: read(settings.s3Url),
      recipients: read(settings.backupRecipients),
      drillIdentity: read(settings.backupDrillIdentity),
      everyHours: read(settings.backupEveryHours),
      drillEveryDays: read(settings.backupDrillEveryDays),
      pointInTimeDays: read(settings.backupPointInTimeDays),
      keep: Object.freeze({
        daily: read(settings.backupKeepDaily),
        weekly: read(settings.backupKeepWeekly),
        monthly: read(settings.backupKeepMonthly),
      }),
    }),
    trustedProxies: read(settings.trustedProxies),
    allowList: read(settings.allowList),
    firewallSocket: read(settings.firewallSocket),
    secondEngine: read(settings.modSecurity) === 'auto',
    admin: administrator(read(settings.adminEmail), read(settings.adminPassword)),
    mfaRequiredRoles: read(settings.mfaRequiredRoles),
    passkeyRequiredRoles: read(settings.passkeyRequiredRoles),
    breachedPasswordsUrl: read(settings.breachedPasswordsUrl),
    audit: Object.freeze({
      retentionDays: read(settings.auditRetentionDays),
      checkpointFile: read(settings.auditCheckpointFile),
    }),
    accessTokenMinutes: read(settings.accessTokenMinutes),
    sessionTimes: Object.freeze({
      idleMs: read(settings.sessionIdleMinutes) * 60_000,
      absoluteMs: read(settings.sessionHours) * 3_600_000,
    }),
    signingKeys: Object.freeze({
      algorithm: read(settings.signingAlgorithm),
      everyDays: read(settings.signingKeyDays),
    }),
    keyStoreCopies: Object.freeze({ folder: read(settings.keyStoreCopyFolder), days: read(settings.keyStoreCopyDays) }),
    rootKeyFile: rootKey?.file ?? join(dataDir, 'root.key'),
    rootKey: rootKey?.key,
    rootKeyMount: rootKey?.key && fileOf(env, settings.rootKey, cwd),
    transit: transitOf(read(settings.transitKey), read(settings.transitToken), rootKey?.key),
    ingestRate: Object.freeze({ perSecond: read(settings.ingestPerSecond), burst: read(settings.ingestBurst) }),
    securityEventDays: read(settings.securityEventDays),
    metricsToken: read(settings.metricsToken),
    logLevel: read(settings.logLevel),
    webhookAllowList: read(settings.webhookAllowList),
    siemFolders: read(settings.siemFolders),
  };
  refuseUnsafeCombinations(config);
  refuseSharedPorts(config);
  refuseSharedFolders(config);
  return Object.freeze(config);
}

function administrator(email: string | undefined, password: Secret | undefined): Config['admin'] {
  if (email !== undefined && password !== undefined) return Object.freeze({ email, password });
  if (email !== undefined) {
    throw new ConfigError(
      settings.adminEmail.name,
      'is set alone',
      `set ${settings.adminPassword.name} too, or use the one-time link`,
    );
  }
  if (password !== undefined) {
    throw new ConfigError(
      settings.adminPassword.name,
      'is set alone',
      `set ${settings.adminEmail.name} too, or use the one-time link`,
    );
  }
  return undefined;
}

function transitOf(
  key: TransitKeyPlace | undefined,
  token: Secret | undefined,
  rootKey: Secret | undefined,
): Config['transit'] {
  const { transitKey, transitToken } = settings;
  if (key !== undefined && rootKey !== undefined) {
    throw new ConfigError(
      transitKey.name,
      `and ${settings.rootKey.name}_FILE are both set`,
      `keep one of them; to have Transit wrap that key, name its file in ${settings.rootKey.name} for one start`,
    );
  }
  if (key !== undefined && token !== undefined) return Object.freeze({ key, token });
  if (key === undefined && token === undefined) return undefined;
  const [set, missing] = key === undefined ? [transitToken, transitKey] : [transitKey, transitToken];
  throw new ConfigError(set.name, 'is set alone', `set ${missing.name} too`);
}

function refuseUnsafeCombinations(config: Config): void {
  const { tls, http, mqtt, publicUrl } = config;
  if (mqtt.plainPort !== undefined && !isLoopbackHost(mqtt.host)) {
    throw new ConfigError(
      settings.mqttPlainPort.name,
      `would carry passwords in clear on ${mqtt.host}`,
      `remove it, or set ${settings.mqttHost.name}=127.0.0.1`,
    );
  }
  if (tls.mode === 'off') {
    const reachable = [http.host, mqtt.host].find((host) => !isLoopbackHost(host));
    if (reachable !== undefined && config.trustedProxies.cidrs.length === 0) {
      throw new ConfigError(
        settings.tls.name,
        `is off while listening on ${reachable}`,
        `use auto or files, listen on 127.0.0.1, or name your proxy in ${settings.trustedProxies.name}`,
      );
    }
  }
  // A listener that somebody relies on must not be silently absent.
  for (const [setting, number] of certificatePorts(config)) {
    if (number === undefined || tls.mode !== 'off') continue;
    throw new ConfigError(
      setting.name,
      'needs TLS that ends here: it is the handshake that proves who holds a certificate',
      `remove it, or set ${settings.tls.name}=auto or files`,
    );
  }
  if (config.backups.folder !== undefined && config.backups.bucket !== undefined) {
    throw new ConfigError(
      settings.s3Url.name,
      `and ${settings.backupFolder.name} are both set`,
      'keep one: it must be clear where the newest backup is',
    );
  }
  if (tls.mode === 'files') {
    if (tls.certFile === undefined)
      throw new ConfigError(settings.tlsCert.name, 'is missing', `${settings.tls.name}=files needs it`);
    if (tls.keyFile === undefined)
      throw new ConfigError(settings.tlsKey.name, 'is missing', `${settings.tls.name}=files needs it`);
  } else if (tls.certFile !== undefined || tls.keyFile !== undefined) {
    const unused = tls.certFile === undefined ? settings.tlsKey : settings.tlsCert;
    throw new ConfigError(
      unused.name,
      `would not be used with ${settings.tls.name}=${tls.mode}`,
      `set ${settings.tls.name}=files`,
    );
  }
  if (publicUrl.protocol === 'http:') {
    if (tls.mode !== 'off') throw new ConfigError(settings.publicUrl.name, 'is http while TLS is on', 'use https://');
    if (!isLoopbackHost(publicUrl.hostname)) {
      throw new ConfigError(
        settings.publicUrl.name,
        'is http on another machine',
        'use https:// (the proxy in front must speak TLS)',
      );
    }
  }
}

const certificatePorts = ({ devicePort, keyPort }: Config) =>
  [
    [settings.devicePort, devicePort],
    [settings.keyPort, keyPort],
  ] as const;

function refuseSharedPorts(config: Config): void {
  const ports: readonly (readonly [Setting<unknown>, number | undefined])[] = [
    [settings.httpPort, config.http.port],
    ...certificatePorts(config),
    [settings.mqttPort, config.mqtt.port],
    [settings.mqttPlainPort, config.mqtt.plainPort],
  ];
  const owners = new Map<number, string>();
  for (const [setting, number] of ports) {
    if (number === undefined || number === 0) continue;
    const owner = owners.get(number);
    if (owner !== undefined)
      throw new ConfigError(setting.name, `is ${number}, the same as ${owner}`, 'give another port');
    owners.set(number, setting.name);
  }
}
