import type { AuditActor } from '../../security/audit/audit-event.ts';
import type { AuditedTx } from '../../security/audit/tokens.ts';
import type { Account } from './user.ts';

export interface Visitor {
  readonly address: string;
  readonly userAgent: string | null;
  readonly deviceCookie: string | undefined;
  readonly requestId: string;
}

/** Who asks for tokens, and with which key of theirs if they proved one. */
export interface TokenVisitor extends Visitor {
  readonly dpopThumbprint: string | null;
}

export type WriteAs = <T>(
  who: { organisationId: number; actor: AuditActor },
  work: (tx: AuditedTx) => Promise<T>,
) => Promise<T>;

export const actorOf = (account: Pick<Account, 'user_id' | 'email'>): AuditActor => ({
  kind: 'user',
  id: account.user_id,
  label: account.email,
});
