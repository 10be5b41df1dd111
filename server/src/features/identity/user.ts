import { type Me, type Role, rolePermissions, type User } from '@valtronics/contract';

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
  phone: string | null;
  role: Role;
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
    role: row.role,
    status: row.status,
    createdAt: row.created_at.toISOString(),
    lastSignInAt: row.last_sign_in_at?.toISOString() ?? null,
    factors: row.factors,
    mustChangePassword: row.must_change_password,
  };
}

export function presentMe(
  user: UserRecord,
  organisation: { public_id: string; name: string },
  session: Pick<Me, 'factor' | 'pending'>,
): Me {
  return {
    id: user.id,
    email: user.email,
    name: user.name,
    role: user.role,
    permissions: [...rolePermissions[user.role]],
    organisation: { id: organisation.public_id, name: organisation.name },
    factor: session.factor,
    pending: session.pending,
  };
}
