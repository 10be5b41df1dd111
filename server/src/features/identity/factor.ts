import { type Factor, type FactorMethod, factorKinds } from '@valtronics/contract';
import type { ProvenFactor } from '../../security/access/principal.ts';

/** One second factor as it is stored. A TOTP factor has a sealed secret, a passkey a public key. */
export interface FactorRecord {
  id: string;
  kind: (typeof factorKinds)[number];
  label: string | null;
  secret_sealed: Buffer | null;
  /** The time step of the last code that was used. */
  last_step: number | null;
  credential_id: Buffer | null;
  public_key_sealed: Buffer | null;
  counter: number | null;
  transports: string[];
  created_at: Date;
  last_used_at: Date | null;
}

/** More would only be forgotten ones. */
export const MAX_FACTORS = 10;

const kindNames: Readonly<Record<FactorRecord['kind'], string>> = { totp: 'Authenticator app', passkey: 'Passkey' };

export const presentFactor = (row: FactorRecord): Factor => ({
  id: row.id,
  kind: row.kind,
  label: row.label ?? kindNames[row.kind],
  createdAt: row.created_at.toISOString(),
  lastUsedAt: row.last_used_at?.toISOString() ?? null,
});

/**
 * What a person may prove. Where the role asks for a passkey and there is one, nothing that can be typed into a false page counts beside it: not the
 * authenticator's code, and not a recovery code either.
 */
export function methodsOf(
  factors: readonly FactorRecord[],
  recoveryCodesLeft: number,
  needsPasskey: boolean,
): FactorMethod[] {
  const kinds = factorKinds.filter((kind) => factors.some((one) => one.kind === kind));
  if (needsPasskey && kinds.includes('passkey')) return ['passkey'];
  if (kinds.length === 0) return [];
  return [...kinds, ...(recoveryCodesLeft > 0 ? (['recovery_code'] as const) : [])];
}

const weakestFirst: readonly ProvenFactor[] = ['password', 'recovery_code', 'totp', 'provider', 'passkey'];

/** A session keeps the strongest proof it has seen. */
export const strongerOf = (a: ProvenFactor, b: ProvenFactor): ProvenFactor =>
  weakestFirst.indexOf(a) >= weakestFirst.indexOf(b) ? a : b;
