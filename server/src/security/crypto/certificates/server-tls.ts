import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { Clock } from '../../../lib/clock.ts';
import type { Config } from '../../../platform/config/config.ts';
import type { Logger } from '../../../platform/log/log.ts';
import type { KeyRing } from '../key-ring.ts';
import { type OwnCertificates, ownCertificates } from './certificate-source.ts';
import { requiredNames, serverNames } from './names.ts';

export interface ServerTls {
  /** For the listeners; ask again after `onRenew`. */
  secureContextOptions(): SecureContextOptions;
  /** The authority people have to trust, when it is our own. */
  readonly caFile: string | undefined;
  onRenew(listener: () => void): void;
  /** Looks whether a renewal is due; also done hourly. */
  check(): Promise<void>;
  stop(): void;
}

interface CertificateAndKey {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

const CHECK_EVERY_MS = 60 * 60_000;
const CHECK_FILES_EVERY_MS = 30_000;

class TlsFilesError extends Error {
  override readonly name = 'TlsFilesError';
}

/** TLS 1.3 only, so there is no weaker suite to negotiate; the hybrid post-quantum group first, for what is recorded today. */
const modern = { minVersion: 'TLSv1.3', ecdhCurve: 'X25519MLKEM768:X25519:P-256:P-384' } as const;

/** The server's certificate, from our own authority or from files, renewed without a restart. */
export async function createServerTls(deps: {
  config: Pick<Config, 'dataDir' | 'publicUrl' | 'tls'>;
  keyRing: KeyRing;
  clock: Clock;
  log: Logger;
}): Promise<ServerTls> {
  const { config, keyRing, clock, log } = deps;
  const names = { required: requiredNames(config.publicUrl), wanted: serverNames(config.publicUrl) };
  const own = config.tls.mode === 'auto' ? ownCertificates(config.dataDir, names, keyRing) : undefined;
  const load = own ? () => fromAuthority(own) : () => fromFiles(config.tls);
  const listeners: (() => void)[] = [];
  let pair = await load();

  async function fromAuthority({ caFile, current }: OwnCertificates): Promise<CertificateAndKey> {
    const { isNewAuthority, ...issued } = await current(clock.date());
    if (isNewAuthority) {
      log.warn(
        { event: 'tls.new-authority', caFile },
        'a new local authority was made: browsers and devices have to trust it',
      );
    }
    return issued;
  }

  async function check(): Promise<void> {
    try {
      const next = await load();
      if (next.certificatePem === pair.certificatePem && next.privateKeyPem === pair.privateKeyPem) return;
      pair = next;
      for (const listener of listeners) listener();
      log.info({ event: 'tls.renewed' }, 'the server certificate was renewed');
    } catch (error) {
      // The old certificate still serves; a broken new file must not take the server down.
      log.error({ err: error }, 'the server certificate could not be renewed');
    }
  }
  const timer = setInterval(() => void check(), own ? CHECK_EVERY_MS : CHECK_FILES_EVERY_MS).unref();

  return {
    caFile: own?.caFile,
    secureContextOptions: () => ({ ...modern, cert: pair.certificatePem, key: pair.privateKeyPem }),
    onRenew: (listener) => {
      listeners.push(listener);
    },
    check,
    stop: () => clearInterval(timer),
  };
}

async function fromFiles({ certFile, keyFile }: Config['tls']): Promise<CertificateAndKey> {
  if (certFile === undefined || keyFile === undefined)
    throw new TlsFilesError('VALTRONICS_TLS=files needs a certificate and a key');
  try {
    const [certificatePem, privateKeyPem] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
    createSecureContext({ cert: certificatePem, key: privateKeyPem });
    return { certificatePem, privateKeyPem };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TlsFilesError(`the certificate (${certFile}) and key (${keyFile}) cannot be used: ${reason}`);
  }
}
