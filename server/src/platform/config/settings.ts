import { roles } from '@valtronics/contract';
import { ConfigError } from './config-error.ts';
import {
  databaseUrl,
  objectStoreUrl,
  publicUrl,
  rangeServiceUrl,
  redisUrl,
  smtpUrl,
  transitKeyUrl,
} from './connection-urls.ts';
import {
  ageRecipients,
  BadValue,
  email,
  folders,
  host,
  namesOf,
  networks,
  networksOrHosts,
  oneOf,
  type ParseValue,
  path,
  port,
  portOrOff,
  rootKey,
  secretText,
  type ValueSource,
  wholeNumber,
} from './setting-values.ts';

// The one place where a setting is declared: loading, `--help` and the documentation all come from here.

export interface Setting<T> {
  readonly name: string;
  readonly description: string;
  /** The text used when the setting is absent; undefined leaves the value undefined. */
  readonly fallback: string | undefined;
  /** What the help shows as the default. */
  readonly defaultText: string;
  readonly parse: ParseValue<T>;
  /** Whether '' is a meaningful value (an empty list) rather than a mistake. */
  readonly mayBeEmpty: boolean;
}

interface Words {
  readonly description: string;
  readonly defaultText?: string;
  readonly mayBeEmpty?: boolean;
}

function required<T>(name: string, fallback: string, parse: ParseValue<T>, words: Words): Setting<T> {
  return { name, fallback, parse, defaultText: fallback, mayBeEmpty: false, ...words };
}

function optional<T>(name: string, parse: ParseValue<T>, words: Words): Setting<T | undefined> {
  return { name, fallback: undefined, parse, defaultText: '', mayBeEmpty: false, ...words };
}

export const settings = {
  dataDir: required('VALTRONICS_DATA_DIR', './data', path, {
    description: 'folder that holds the embedded database, keys and certificates',
  }),
  publicUrl: optional('VALTRONICS_PUBLIC_URL', publicUrl, {
    description: 'origin of every link, redirect and passkey; never taken from a request',
    defaultText: 'https://localhost:8000',
  }),
  httpHost: required('VALTRONICS_HTTP_HOST', '127.0.0.1', host, { description: 'address that HTTPS listens on' }),
  httpPort: required('VALTRONICS_HTTP_PORT', '8000', port, { description: 'HTTPS for people and devices' }),
  devicePort: required('VALTRONICS_DEVICE_PORT', 'off', portOrOff, {
    description: 'HTTPS that requires a device certificate',
  }),
  keyPort: required('VALTRONICS_KEY_PORT', 'off', portOrOff, {
    description: 'HTTPS for API keys that are bound to a certificate',
  }),
  mqttHost: optional('VALTRONICS_MQTT_HOST', host, {
    description: 'address that MQTT listens on',
    defaultText: 'as VALTRONICS_HTTP_HOST',
  }),
  mqttPort: required('VALTRONICS_MQTT_PORT', '8883', port, { description: 'MQTT over TLS' }),
  mqttPlainPort: required('VALTRONICS_MQTT_PLAIN_PORT', 'off', portOrOff, {
    description: 'MQTT without TLS, on a loopback address only',
  }),
  tls: required('VALTRONICS_TLS', 'auto', oneOf('auto', 'files', 'off'), {
    description: 'auto: own local CA; files: your certificate; off: on loopback or behind a trusted proxy only',
  }),
  tlsCert: optional('VALTRONICS_TLS_CERT', path, { description: 'certificate chain, PEM, with VALTRONICS_TLS=files' }),
  tlsKey: optional('VALTRONICS_TLS_KEY', path, { description: 'its private key, PEM, with VALTRONICS_TLS=files' }),
  databaseUrl: optional('DATABASE_URL', databaseUrl, {
    description: 'your own PostgreSQL (15 or later); off loopback with sslmode=verify-full',
    defaultText: 'embedded',
  }),
  redisUrl: optional('REDIS_URL', redisUrl, {
    description:
      'Redis or Valkey that sessions are served from; off loopback rediss://, with ?cacert=FILE for a CA of your own',
    defaultText: 'none: PostgreSQL serves them',
  }),
  smtpUrl: optional('VALTRONICS_SMTP_URL', smtpUrl, {
    description: 'mail server; off loopback smtps://, or smtp:// with ?requireTLS=true',
  }),
  s3Url: optional('VALTRONICS_S3_URL', objectStoreUrl, {
    description:
      'bucket for backups, instead of a folder: https://KEY:SECRET@host/bucket/prefix?region=…; off loopback https://, with ?cacert=FILE for a CA of your own',
  }),
  backupFolder: optional('VALTRONICS_BACKUP_FOLDER', path, {
    description: 'folder on another storage that backups are written to',
    defaultText: 'none',
  }),
  backupRecipients: required('VALTRONICS_BACKUP_RECIPIENTS', '', ageRecipients, {
    description: 'who can open backups: public keys of age (age1…), separated by commas',
    defaultText: 'none',
    mayBeEmpty: true,
  }),
  backupDrillIdentity: optional('VALTRONICS_BACKUP_DRILL_IDENTITY', path, {
    description: 'file of an age identity that drills open backups with; see docs/backups.md before keeping one here',
    defaultText: 'none',
  }),
  keyStoreCopyFolder: optional('VALTRONICS_KEY_STORE_COPY_FOLDER', path, {
    description:
      'folder for copies of the key store, on a storage where no backup of the data is; see docs/key-store.md',
    defaultText: 'none: no copy is made',
  }),
  keyStoreCopyDays: required('VALTRONICS_KEY_STORE_COPY_DAYS', '7', wholeNumber(1, 7), {
    description: 'days after which a copy is thrown away; certificates of erasure promise seven at most',
  }),
  backupEveryHours: required('VALTRONICS_BACKUP_EVERY_HOURS', '24', wholeNumber(0, 744), {
    description: 'a backup is made this often, once there is a place and a recipient for them; 0: only when told',
  }),
  backupPointInTimeDays: required('VALTRONICS_BACKUP_POINT_IN_TIME_DAYS', '7', wholeNumber(0, 366), {
    description:
      'the embedded database can be taken back to any moment of so many days: its log is sent beside the backups, and its files this often; 0: not',
  }),
  backupDrillEveryDays: required('VALTRONICS_BACKUP_DRILL_EVERY_DAYS', '7', wholeNumber(0, 366), {
    description: 'the newest backup is tried out this often, once there is an identity for it; 0: only when told',
  }),
  backupKeepDaily: required('VALTRONICS_BACKUP_KEEP_DAILY', '7', wholeNumber(0, 366), {
    description: 'of so many days the newest backup is kept',
  }),
  backupKeepWeekly: required('VALTRONICS_BACKUP_KEEP_WEEKLY', '5', wholeNumber(0, 520), {
    description: 'of so many weeks the newest backup is kept',
  }),
  backupKeepMonthly: required('VALTRONICS_BACKUP_KEEP_MONTHLY', '12', wholeNumber(0, 120), {
    description: 'of so many months the newest backup is kept',
  }),
  trustedProxies: required('VALTRONICS_TRUSTED_PROXIES', '', networks, {
    description: 'networks whose X-Forwarded-For and PROXY protocol are believed',
    defaultText: 'none',
    mayBeEmpty: true,
  }),
  allowList: required('VALTRONICS_ALLOW_LIST', '', networks, {
    description: 'networks that are never blocked for failed sign-ins; their accounts still are throttled',
    defaultText: 'none',
    mayBeEmpty: true,
  }),
  firewallSocket: optional('VALTRONICS_FIREWALL_SOCKET', path, {
    description: 'Unix socket of the firewall helper, which drops in the kernel what is banned',
    defaultText: 'none: bans are kept by the server itself',
  }),
  modSecurity: required('VALTRONICS_MODSECURITY', 'auto', oneOf('auto', 'off'), {
    description:
      'auto: requests are inspected with ModSecurity’s core rules as well where Debian’s packages of both are installed',
  }),
  adminEmail: optional('VALTRONICS_ADMIN_EMAIL', email, {
    description: 'create the first administrator without the one-time link',
  }),
  adminPassword: optional('VALTRONICS_ADMIN_PASSWORD', secretText(8, 512), { description: 'their password' }),
  mfaRequiredRoles: required('VALTRONICS_MFA_REQUIRED_ROLES', 'admin,operator', namesOf(roles), {
    description: 'roles that must have a second factor; empty: nobody is forced',
    mayBeEmpty: true,
  }),
  passkeyRequiredRoles: required('VALTRONICS_PASSKEY_REQUIRED_ROLES', '', namesOf(roles), {
    description: 'roles whose second factor must be a passkey, which no false page can ask for',
    defaultText: 'none',
    mayBeEmpty: true,
  }),
  breachedPasswordsUrl: optional('VALTRONICS_BREACHED_PASSWORDS_URL', rangeServiceUrl, {
    description: 'service that new passwords are held against, such as https://api.pwnedpasswords.com/range',
    defaultText: 'none: nothing is asked',
  }),
  auditRetentionDays: required('VALTRONICS_AUDIT_RETENTION_DAYS', '400', wholeNumber(90, 3_650), {
    description: 'how long events of the audit log are kept; their proofs stay',
  }),
  auditCheckpointFile: optional('VALTRONICS_AUDIT_CHECKPOINT_FILE', path, {
    description:
      'file on another storage that every checkpoint of the audit log goes to, and that a start is held against',
    defaultText: 'none',
  }),
  accessTokenMinutes: required('VALTRONICS_ACCESS_TOKEN_MINUTES', '15', wholeNumber(1, 60), {
    description: 'life of an access token',
  }),
  dpop: required('VALTRONICS_DPOP', 'optional', oneOf('optional', 'required'), {
    description: 'required: people’s tokens are given out and taken with proof of a key only (RFC 9449)',
  }),
  sessionIdleMinutes: required('VALTRONICS_SESSION_IDLE_MINUTES', '60', wholeNumber(5, 1_440), {
    description: 'minutes without use after which a browser’s session ends',
  }),
  sessionHours: required('VALTRONICS_SESSION_HOURS', '12', wholeNumber(1, 720), {
    description: 'hours after sign-in at which a browser’s session ends, however much it is used',
  }),
  signingAlgorithm: required('VALTRONICS_SIGNING_ALGORITHM', 'ES256', oneOf('ES256', 'EdDSA'), {
    description: 'how access tokens are signed; for keys made from then on',
  }),
  signingKeyDays: required('VALTRONICS_SIGNING_KEY_DAYS', '30', wholeNumber(1, 365), {
    description: 'days after which the key that signs access tokens is rotated',
  }),
  rootKey: optional('VALTRONICS_ROOT_KEY', rootKey, {
    description: 'path of the root key; with _FILE the key itself is read and never created',
    defaultText: 'root.key in the data folder',
  }),
  transitKey: optional('VALTRONICS_TRANSIT_KEY', transitKeyUrl, {
    description:
      'URL of a Transit key of Vault or OpenBao that alone can unwrap the root key (https://…/v1/transit/keys/NAME), with ?cacert=FILE for a CA of your own',
    defaultText: 'none: the root key lies in its file',
  }),
  transitToken: optional('VALTRONICS_TRANSIT_TOKEN', secretText(8, 4_096), {
    description: 'token that may encrypt and decrypt with it',
  }),
  securityEventDays: required('VALTRONICS_SECURITY_EVENT_DAYS', '90', wholeNumber(1, 3_650), {
    description: 'days that security events are kept in the database',
  }),
  ingestPerSecond: required('VALTRONICS_INGEST_PER_SECOND', '100', wholeNumber(1, 1_000_000), {
    description: 'messages a second a device may send, on all transports together',
  }),
  ingestBurst: required('VALTRONICS_INGEST_BURST', '1000', wholeNumber(1, 10_000_000), {
    description: 'messages a device may send at once',
  }),
  metricsToken: optional('VALTRONICS_METRICS_TOKEN', secretText(16, 512), {
    description: 'token that may scrape /metrics',
  }),
  logLevel: required('VALTRONICS_LOG_LEVEL', 'info', oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace'), {
    description: 'least severe level that is logged',
  }),
  webhookAllowList: required('VALTRONICS_WEBHOOK_ALLOW', '', networksOrHosts, {
    description: 'networks or host names that requests to other servers may target although they are private',
    defaultText: 'none',
    mayBeEmpty: true,
  }),
  siemFolders: required('VALTRONICS_SIEM_FOLDERS', '', folders, {
    description: 'folders that security events may be delivered to as files, beside those in the data folder',
    defaultText: 'none',
    mayBeEmpty: true,
  }),
};

/** What a text means as this setting, or a ConfigError that names it. */
export function parseSetting<T>({ name, parse }: Setting<T>, text: string, source: ValueSource): T {
  try {
    return parse(text, source);
  } catch (error) {
    if (error instanceof BadValue) throw new ConfigError(name, error.problem, error.remedy);
    throw error;
  }
}

/** One line per setting, for `--help` and the documentation. */
export function settingsHelp(): string {
  const rows = Object.values(settings).map(({ name, defaultText, description }) => ({
    name,
    defaultText,
    description,
  }));
  const nameWidth = Math.max(...rows.map((row) => row.name.length));
  const defaultWidth = Math.max(...rows.map((row) => row.defaultText.length));
  const lines = rows.map((row) =>
    `  ${row.name.padEnd(nameWidth)}  ${row.defaultText.padEnd(defaultWidth)}  ${row.description}`.trimEnd(),
  );
  return ['Settings (environment; NAME_FILE reads the value from a file):', ...lines].join('\n');
}
