import type { Access } from '@valtronics/contract';
import type { FastifyRequest } from 'fastify';
import type { Problem } from '../../lib/problem.ts';
import type { Secret } from '../../platform/config/secret.ts';
import { isApiKey } from '../access/api-keys.ts';
import type { Authentication } from '../access/authentication.ts';
import type { DevicePrincipal, Principal } from '../access/principal.ts';
import { sameBytes, tokenHash } from '../crypto/tokens.ts';
import { BOUNCER_KEY, readCredential } from './credential.ts';
import { refusedToken, shownProof } from './dpop.ts';
import type { Caller } from './http-callers.ts';

export interface Authenticated {
  readonly principal: Principal;
  /** A credential was shown and is not good. */
  readonly refused: boolean;
  /** Why, where there is more to say than that. */
  readonly problem?: Problem;
}

const NOBODY: Authenticated = { principal: { kind: 'anonymous' }, refused: false };
const REFUSED: Authenticated = { principal: { kind: 'anonymous' }, refused: true };

/** Who a request is from, at once where that is known: a device's second request on its connection asks nobody. */
export function createHttpAuthentication(
  authentication: Authentication,
  metricsToken: Secret | undefined,
  publicOrigin: string,
) {
  /** On the port for programs there is nothing but keys that are bound to the certificate of the connection. */
  function ofProgram(headers: FastifyRequest['headers'], { address, certificate }: Caller) {
    const credential = readCredential(headers);
    return credential?.kind === 'bearer' && isApiKey(credential.token)
      ? authentication.apiKey(credential.token, address, certificate?.fingerprint).then(answerOf)
      : REFUSED;
  }

  function ofCertificate(caller: Caller, fingerprint: Buffer) {
    const found = authentication.certificate(fingerprint);
    return found instanceof Promise ? found.then(answer) : answer(found);

    function answer(device: DevicePrincipal | null): Authenticated {
      if (!device) return REFUSED;
      caller.proven = { authorization: undefined, device };
      return { principal: device, refused: false };
    }
  }

  return (request: FastifyRequest, access: Access, caller: Caller): Authenticated | Promise<Authenticated> => {
    const { headers } = request;
    const { proven } = caller;
    if (proven && proven.authorization === headers.authorization && authentication.isFresh(proven.device))
      return access.kind === 'open' ? NOBODY : { principal: proven.device, refused: false };
    if (caller.certificate?.of === 'program') return ofProgram(headers, caller);
    // A token beside a device's certificate would leave open whose request it is.
    if (caller.certificate)
      return headers.authorization ? REFUSED : ofCertificate(caller, caller.certificate.fingerprint);
    const credential = readCredential(headers);
    const bouncerKey = headers[BOUNCER_KEY];
    if (access.kind === 'bouncer' && credential === undefined && typeof bouncerKey === 'string')
      return authentication.bouncer(bouncerKey, caller.address).then(answerOf);
    if (credential === undefined) return NOBODY;
    if (credential.kind === 'malformed') return REFUSED;
    if (credential.kind === 'bearer' && metricsToken && isScraper(credential.token, metricsToken))
      return { principal: { kind: 'scraper' }, refused: false };
    // An open endpoint asks nobody who they are: a stale cookie must not cost a look-up nor get in the way of signing in.
    if (access.kind === 'open') return NOBODY;
    if (credential.kind === 'dpop')
      return authentication
        .bound(credential.token, shownProof(request, publicOrigin))
        .then((principal) => answer(principal));
    const found =
      credential.kind === 'bearer'
        ? authentication.bearer(credential.token, caller.address)
        : authentication.session(credential.token);
    return found instanceof Promise ? found.then((principal) => answer(principal)) : answer(found);

    function answer(principal: Parameters<typeof answerOf>[0]): Authenticated {
      if (typeof principal === 'object' && principal?.kind === 'device' && headers.authorization !== undefined)
        caller.proven = { authorization: headers.authorization, device: principal };
      return answerOf(principal);
    }
  };
}

function answerOf(principal: Principal | Parameters<typeof refusedToken>[0] | null): Authenticated {
  if (typeof principal === 'string') return { ...REFUSED, problem: refusedToken(principal) };
  return principal ? { principal, refused: false } : REFUSED;
}

function isScraper(token: string, expected: Secret): boolean {
  return sameBytes(tokenHash(token), tokenHash(expected.reveal()));
}
