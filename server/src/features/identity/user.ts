import type { DeviceScope, Me, Role, User } from '@valtronics/contract';
import type { PersonalField } from '../../security/access/people.ts';
import type { ApiKeyPrincipal, UserPrincipal } from '../../security/access/principal.ts';
import { maskedFieldsOf } from '../../security/fields/reveal.ts';

/** An account as sign-in sees it. */
export interface Account {
  user_id: string;
  organisation_id: number;
  email: string;
  password_hash: string | null;
  status: 'invited' | 'active' | 'disabled';
  role: Role;
  authorization_version: number;
}

export interface UserRecord {
  id: string;
  email: string;
  name: string | null;
  /** Of these there is a value, which does not open. */
  unreadable: readonly PersonalField[];
  phone: string | null;
  kind: 'person' | 'service';
  role: Role;
  device_scope: DeviceScope;
  device_group_ids: string[];
  status: 'invited' | 'active' | 'disabled';
  created_at: Date;
  last_sign_in_at: Date | null;
  must_change_password: boolean;
  /** Kinds of second factors, each once. */
  factors: User['factors'];
}

export function presentUser(row: UserRecord): User {
  return {
    id: row.id,
    email: row.email,
    name: row.name,
    phone: row.phone,
    unreadable: [...row.unreadable],
    kind: row.kind,
    role: row.role,
    status: row.status,
    deviceScope: row.device_scope,
    deviceGroupIds: row.device_group_ids,
    createdAt: row.created_at.toISOString(),
    lastSignInAt: row.last_sign_in_at?.toISOString() ?? null,
    factors: row.factors,
    mustChangePassword: row.must_change_password,
  };
}

export function presentMe(
  user: UserRecord,
  organisation: { public_id: string; name: string; operates_instance: boolean },
  principal: UserPrincipal | ApiKeyPrincipal,
): Me {
  return {
    id: user.id,
    email: user.email,
    name: user.name,
    role: user.role,
    permissions: [...principal.permissions],
    maskedFields: maskedFieldsOf(principal),
    organisation: {
      id: organisation.public_id,
      name: organisation.name,
      operatesInstance: organisation.operates_instance,
    },
    factor: principal.kind === 'user' ? principal.factor : null,
    pending: principal.kind === 'user' ? principal.pending : null,
  };
}
