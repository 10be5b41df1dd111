import { type Rate, rates } from '@valtronics/contract';
import { isId } from '../../lib/ids.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Metrics } from '../../platform/metrics/metrics.ts';
import type { ConnectAttempt, ConnectDecision } from '../../platform/mqtt/broker.types.ts';
import type { ClientCertificate } from '../../platform/tls/client-certificate.ts';
import type { DeviceCredentials } from '../access/device-credentials.ts';
import type { DevicePrincipal } from '../access/principal.ts';
import type { RevocationMatch, Revocations } from '../access/revocations.ts';
import type { Blocks } from '../shield/blocks.ts';
import { addressKey } from '../shield/client-address.ts';
import type { Limiter } from '../shield/limiter.ts';
import type { RefusedTokens } from '../shield/refused-tokens.ts';
import type { TopicReports } from './topic-reports.ts';
import { type OwnTopics, ownTopics } from './topic-routes.ts';

/** What the gate knows of a connected device. */
export interface ConnectedDevice {
  readonly principal: DevicePrincipal;
  readonly own: OwnTopics;
  /** When it was last noted from where its credential is used. */
  placedAt: number;
  /** Asked again when news of revocations may have been missed. */
  stillGood(): Promise<boolean>;
}

export interface DeviceAdmission {
  admit(attempt: ConnectAttempt): Promise<ConnectDecision<ConnectedDevice>>;
  /** Counts against the device at that address, as a wrong token does. */
  countRefusal(address: string, deviceId: string): void;
  /** Whether a device that proved who it is may not be here all the same. */
  isKeptOut(address: string, device: DevicePrincipal): boolean;
}

type LookUp = () => Promise<DevicePrincipal | null>;

const MAX_TOKEN_BYTES = 200;
const REFUSAL_LOG: Rate = { perSecond: 1, burst: 10 };
const BAD_CREDENTIALS = { accept: false, code: 4 } as const;
const NOT_NOW = { accept: false, code: 3 } as const;
const NOT_AUTHORIZED = { accept: false, code: 5 } as const;

export const revocationCovers = (match: RevocationMatch, device: DevicePrincipal): boolean =>
  match.deviceId === device.deviceId &&
  (match.credentialId === undefined || match.credentialId === device.credentialId);

/**
 * Who may connect: username is the device's id, password its token. Or TLS has verified a certificate: then that is the credential, the
 * username is the device's id or empty, and a password is not looked at. A certificate that is not good lets nobody in, whatever token
 * comes with it.
 */
export function createDeviceAdmission(deps: {
  credentials: Pick<DeviceCredentials, 'verify' | 'verifyCertificate'>;
  refusedTokens: RefusedTokens;
  revocations: Pick<Revocations, 'onRevoked'>;
  blocks: Pick<Blocks, 'of' | 'ofPrincipal'>;
  limiter: Limiter;
  log: Logger;
  metrics: Pick<Metrics, 'gateRefused'>;
  reports: Pick<TopicReports, 'credentialRefused' | 'keptOut' | 'tooManyConnects'>;
}): DeviceAdmission {
  const { credentials, refusedTokens, revocations, blocks, limiter, log, metrics, reports } = deps;
  /** Verifications under way, so that a revocation which comes between the look-up and the accepted connection is not missed. */
  const underWay = new Set<{ revoked: RevocationMatch[] }>();
  revocations.onRevoked((match) => {
    if (match.deviceId) for (const attempt of underWay) attempt.revoked.push(match);
  });

  // Per device and address: one stale token behind a hospital's address must not keep its other devices out. Tokens are 256 random
  // bits, so this is not what makes guessing hopeless; it keeps a device that is wrong from costing a look-up several times a second.
  // It recovers with the rate of sign-ins and never escalates: with a device's id, which is no secret, somebody on its network could
  // else keep it out for a day, and a device that was given a new token would wait for what its old one did.
  const failuresKey = (address: string, deviceId: string) => `mqtt-login:${addressKey(address)}:${deviceId}`;

  function countRefusal(address: string, deviceId: string): void {
    limiter.take(failuresKey(address, deviceId), rates.loginAddress);
  }

  function refuse(attempt: ConnectAttempt, deviceId: string | undefined, reason: string) {
    if (deviceId) countRefusal(attempt.address, deviceId);
    metrics.gateRefused('mqtt', 'not_authenticated');
    reports.credentialRefused(attempt.address, deviceId, reason);
    // Under a flood the address is named a few times, not a thousand.
    if (limiter.take(`mqtt-refusal-log:${addressKey(attempt.address)}`, REFUSAL_LOG).ok)
      log.warn({ event: 'access.refused', address: attempt.address, device: deviceId, reason }, 'a device was refused');
    return BAD_CREDENTIALS;
  }

  async function verify(lookUp: LookUp): Promise<DevicePrincipal | null> {
    const attempt = { revoked: [] as RevocationMatch[] };
    underWay.add(attempt);
    try {
      const principal = await lookUp();
      if (!principal || attempt.revoked.some((match) => revocationCovers(match, principal))) return null;
      return principal;
    } finally {
      underWay.delete(attempt);
    }
  }

  function accept(principal: DevicePrincipal, lookUp: LookUp): ConnectDecision<ConnectedDevice> {
    const { deviceId, credentialId, expiresAt } = principal;
    const stillGood = async () => (await lookUp())?.credentialId === credentialId;
    return {
      accept: true,
      identity: deviceId,
      context: { principal, own: ownTopics(deviceId), placedAt: 0, stillGood },
      expiresAt,
    };
  }

  async function admitByCertificate(attempt: ConnectAttempt, certificate: ClientCertificate) {
    const claimed = attempt.username?.toLowerCase() || undefined;
    if (claimed !== undefined && !isId(claimed)) return refuse(attempt, undefined, 'the username is not a device id');
    if (!certificate.verified)
      return refuse(attempt, claimed, `the certificate does not verify: ${certificate.reason}`);
    const { fingerprint } = certificate;
    const lookUp = async () => credentials.verifyCertificate(fingerprint);
    const principal = await verify(lookUp);
    if (!principal) return refuse(attempt, claimed, 'the certificate is revoked, expired or unknown');
    if (claimed !== undefined && claimed !== principal.deviceId)
      return refuse(attempt, claimed, 'the certificate is of another device');
    return accept(principal, lookUp);
  }

  async function admitByToken(attempt: ConnectAttempt) {
    const { address, username, password } = attempt;
    const deviceId = username?.toLowerCase();
    if (!isId(deviceId)) return refuse(attempt, undefined, 'the username is not a device id');
    if (!password || password.length > MAX_TOKEN_BYTES) return refuse(attempt, deviceId, 'no token');
    // Attempts made at the same instant all pass here; the broker bounds how many of an address can be under way.
    if (!limiter.peek(failuresKey(address, deviceId), rates.loginAddress).ok) {
      metrics.gateRefused('mqtt', 'too_many_requests');
      reports.tooManyConnects(address, deviceId);
      return NOT_AUTHORIZED;
    }
    const token = password.toString('latin1');
    if (refusedTokens.isKnownBad(address, token)) return refuse(attempt, deviceId, 'the token was refused before');
    const lookUp = async () => credentials.verify(token);
    const principal = await verify(lookUp);
    if (!principal) {
      await refusedTokens.refused(address, token, deviceId);
      return refuse(attempt, deviceId, 'the token is not good');
    }
    // A good token of another device: it may be that device, but not under this name.
    if (principal.deviceId !== deviceId) return refuse(attempt, deviceId, 'the token is of another device');
    return accept(principal, lookUp);
  }

  const isBanned = (address: string): boolean => blocks.of(address)?.kind === 'ban';
  const isKeptOut: DeviceAdmission['isKeptOut'] = (address, device) =>
    isBanned(address) || blocks.ofPrincipal(device) !== undefined;

  function turnAway(code: 'banned' | 'blocked', address: string, device?: DevicePrincipal) {
    metrics.gateRefused('mqtt', code);
    reports.keptOut(address, code, device);
    return NOT_AUTHORIZED;
  }

  return {
    countRefusal,
    isKeptOut,
    async admit(attempt) {
      const { address, certificate } = attempt;
      if (!limiter.take(`mqtt:${addressKey(address)}`, rates.coarseAddress).ok) {
        reports.tooManyConnects(address, undefined);
        return NOT_NOW;
      }
      if (isBanned(address)) return turnAway('banned', address);
      const decision = await (certificate ? admitByCertificate(attempt, certificate) : admitByToken(attempt));
      // Once more, for what was decided while the look-up ran.
      if (!decision.accept || !isKeptOut(address, decision.context.principal)) return decision;
      return turnAway('blocked', address, decision.context.principal);
    },
  };
}
