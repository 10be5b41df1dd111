import type { Pending } from '@valtronics/contract';
import type { ProvenFactor } from './principal.ts';

/** Roles whose holders must prove more than a password. */
export interface FactorPolicy {
  readonly secondFactorRoles: readonly string[];
  /** Of these, only a passkey will do: it cannot be given away to a page that looks like ours (phishing resistance). */
  readonly passkeyRoles: readonly string[];
}

/** What an account and its session have. */
export interface ProofSoFar {
  readonly role: string;
  /** Of a role of the organisation's own: that its holders need a second factor. */
  readonly role_requires_factor: boolean;
  readonly factor: ProvenFactor;
  readonly must_change_password: boolean;
  readonly has_factor: boolean;
  readonly has_passkey: boolean;
}

/**
 * What is due before anything else, decided anew at every request from what is true now: a person who is given a role that needs a
 * factor is asked for it at once, and nothing about it has to be remembered or cleared.
 *
 * Whoever has a factor and did not prove it (`verify_factor`) must not be let near enrolment: a stolen password could enrol the thief's.
 */
export function pendingOf(proof: ProofSoFar, policy: FactorPolicy): Pending | null {
  const needsPasskey = policy.passkeyRoles.includes(proof.role);
  const needsFactor = needsPasskey || proof.role_requires_factor || policy.secondFactorRoles.includes(proof.role);
  const provedFactor = proof.factor !== 'password';
  // Whatever the role asks for: an account that has a factor is opened by nothing less.
  if (!provedFactor && proof.has_factor) return 'verify_factor';
  if (proof.must_change_password) return 'change_password';
  if (needsPasskey && proof.factor !== 'passkey') return proof.has_passkey ? 'verify_factor' : 'enrol_passkey';
  if (needsFactor && !provedFactor) return 'enrol_factor';
  return null;
}
