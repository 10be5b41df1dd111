import type { AuditEventName } from '@valtronics/contract';

export interface AuditActor {
  readonly kind: 'user' | 'api_key' | 'device' | 'anonymous' | 'cli' | 'system';
  readonly id: string | null;
  readonly label: string | null;
}

/** Who acts, for whom and from where: known to the gate before a handler runs. */
export interface AuditContext {
  readonly organisationId: number | null;
  readonly actor: AuditActor;
  readonly address: string | null;
  readonly requestId: string | null;
  /** Whose sight of devices bounds what is done; none: the whole organisation. */
  readonly viewers?: readonly string[] | undefined;
}

/** What only the handler knows: the thing that changed, and how. Never a secret, never a personal value beyond ids. */
export interface AuditSubject {
  readonly resource: { readonly kind: string; readonly id: string } | null;
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface AuditEntry extends AuditContext, AuditSubject {
  readonly event: AuditEventName;
  readonly outcome: 'success' | 'failure';
}
