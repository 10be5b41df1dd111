import { signInProblems } from '@valtronics/contract';
import { notFound, Problem } from '../../lib/problem.ts';
import { refusalOf } from './code-exchange.ts';
import { SignInRefusal } from './provider.ts';

/** A refusal where the answer is JSON instead of a page. `detail` may hold the reason for who configures the provider. */
export function problemOf(error: unknown, tellsReason = false): unknown {
  const refusal = refusalOf(error);
  if (!(refusal instanceof SignInRefusal)) return refusal;
  if (refusal.problem === 'provider_unknown') return notFound();
  const detail = tellsReason ? `The provider cannot be used: ${refusal.reason}.` : signInProblems[refusal.problem];
  return new Problem('bad_gateway', { cause: refusal, detail });
}
