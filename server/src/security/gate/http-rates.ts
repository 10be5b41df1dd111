import { type Rate, type RateClass, rates } from '@valtronics/contract';
import { type Principal, principalKey } from '../access/principal.ts';

/** Whose allowance a request is taken from, and how large it is; undefined: from none but the coarse one of the address. */
export function allowanceOf(
  rateClass: RateClass,
  principal: Principal,
  addressKey: string,
  ingestRate: Rate,
): readonly [key: string, rate: Rate] | undefined {
  if (rateClass === 'none') return undefined;
  if (rateClass === 'login') return [`login:${addressKey}`, rates.loginAddress];
  const key = principalKey(principal);
  if (key === undefined) return [`api:${addressKey}`, rates.apiAddress];
  if (rateClass === 'reveal') return [`reveal:${key}`, rates.revealPrincipal];
  if (rateClass === 'ingest' && principal.kind === 'device') return [`ingest:${key}`, ingestRate];
  return [`api:${key}`, rates.apiPrincipal];
}
