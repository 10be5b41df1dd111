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
  };
}

export function presentMe(user: UserRecord, organisation: { public_id: string; name: string }): Me {
  return {
    id: user.id,
    email: user.email,
    name: user.name,
    role: user.role,
    permissions: [...rolePermissions[user.role]],
    organisation: { id: organisation.public_id, name: organisation.name },
  };
}
