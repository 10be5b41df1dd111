import { type Access, type Pending, type Permission, stepUpSeconds } from '@valtronics/contract';
import { Problem } from '../../lib/problem.ts';
import type { ApiKeyPrincipal, Principal, UserPrincipal } from './principal.ts';

const whatIsDue: Readonly<Record<Pending, string>> = {
  change_password: 'Choose a new password first.',
  enrol_factor: 'Your role needs a second factor: set one up first.',
  enrol_passkey: 'Your role needs a passkey: set one up first.',
  verify_factor: 'Prove your second factor first.',
};

/**
 * The one decision, deny by default: returns the problem, or undefined when the principal may pass. Every rule names what it lets in;
 * whatever falls through is refused. `now` in milliseconds since the epoch.
 */
export function refusal(access: Access, principal: Principal, now: number): Problem | undefined {
  if (access.kind === 'open') return undefined;
  if (principal.kind === 'anonymous') return new Problem('not_authenticated');
  if (principal.kind === 'user') return refusalOfPerson(access, principal, now);
  if (principal.kind === 'apiKey') return refusalOfKey(access, principal);
  if (principal.kind === 'device') {
    if (access.kind === 'device' || (access.kind === 'needs' && access.orDevice)) return undefined;
  }
  if (principal.kind === 'bouncer' && access.kind === 'bouncer') return undefined;
  return new Problem('forbidden');
}

/** Whether a step-up is asked for is decided in the declaration: a key that may pass took it when it was made. */
function refusalOfKey(access: Access, { permissions }: ApiKeyPrincipal): Problem | undefined {
  if (access.kind !== 'needs' && access.kind !== 'signedIn') return new Problem('forbidden');
  if (access.kind === 'needs' && !permissions.has(access.permission)) return lacks(access.permission);
  return access.orKey ? undefined : new Problem('forbidden', { detail: 'This is not for API keys.' });
}

const lacks = (permission: Permission) =>
  new Problem('forbidden', { detail: `This needs the permission ${permission}.` });

function refusalOfPerson(access: Access, principal: UserPrincipal, now: number): Problem | undefined {
  if (access.kind === 'needs') {
    if (!principal.permissions.has(access.permission)) return lacks(access.permission);
  } else if (access.kind !== 'signedIn') return new Problem('forbidden');
  const { pending } = principal;
  if (pending && !(access.kind === 'signedIn' && access.evenPending))
    return new Problem('pending', { detail: whatIsDue[pending] });
  if (access.stepUp && !isRecentlyProven(principal, now))
    return new Problem('step_up_required', { detail: 'This needs a proof that is at most five minutes old.' });
  return undefined;
}

/** A password alone proves nothing new about a person who has a second factor. */
function isRecentlyProven({ verifiedAt, pending }: UserPrincipal, now: number): boolean {
  return pending !== 'verify_factor' && now - verifiedAt.getTime() <= stepUpSeconds * 1_000;
}
