import { type Access, roleMay } from '@valtronics/contract';
import { Problem } from '../../lib/problem.ts';
import type { Principal } from './principal.ts';

/**
 * The one decision, deny by default: returns the problem, or undefined when the principal may pass. Every rule names what it lets in;
 * whatever falls through is refused.
 */
export function refusal(access: Access, principal: Principal): Problem | undefined {
  if (access.kind === 'open') return undefined;
  if (principal.kind === 'anonymous') return new Problem('not_authenticated');
  if (principal.kind === 'user') {
    if (access.kind === 'signedIn') return undefined;
    if (access.kind === 'needs' && roleMay(principal.role, access.permission)) return undefined;
    return new Problem(
      'forbidden',
      access.kind === 'needs' ? { detail: `This needs the permission ${access.permission}.` } : {},
    );
  }
  if (principal.kind === 'device') {
    if (access.kind === 'device' || (access.kind === 'needs' && access.orDevice)) return undefined;
  }
  return new Problem('forbidden');
}
