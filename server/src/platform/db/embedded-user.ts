import { lchownSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** The account the database runs as when we are root; PostgreSQL itself refuses to run as root. */
export interface DatabaseUser {
  name: string;
  uid: number;
  gid: number;
}

class NoDatabaseUserError extends Error {
  override readonly name = 'NoDatabaseUserError';
}

// A dedicated account first, the distribution's own next, the account that owns nothing last.
const CANDIDATES = ['valtronics', 'postgres', '_postgres', 'nobody'];

/** Undefined when we are not root: the database then runs as ourselves. */
export function databaseUser(): DatabaseUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = accountsIn(readFileSync('/etc/passwd', 'utf8'));
  for (const name of CANDIDATES) {
    const account = accounts.get(name);
    if (account && account.uid !== 0) return account;
  }
  throw new NoDatabaseUserError(
    `started as root, but PostgreSQL must not run as root and none of the accounts ${CANDIDATES.join(', ')} exists`,
  );
}

export function accountsIn(passwd: string): Map<string, DatabaseUser> {
  const accounts = new Map<string, DatabaseUser>();
  for (const line of passwd.split('\n')) {
    const [name, , uid, gid] = line.split(':');
    if (!name || !/^\d+$/.test(uid ?? '') || !/^\d+$/.test(gid ?? '')) continue;
    accounts.set(name, { name, uid: Number(uid), gid: Number(gid) });
  }
  return accounts;
}

/**
 * Who owns an existing PGDATA; PostgreSQL insists on being started by exactly that account. It is not always the one we would
 * choose today: the folder may have been made without root, or before a better candidate existed.
 */
export function ownerOf(dataFolder: string): DatabaseUser | undefined {
  const stat = statSync(dataFolder, { throwIfNoEntry: false });
  return stat && stat.uid !== 0 ? { name: `uid ${stat.uid}`, uid: stat.uid, gid: stat.gid } : undefined;
}

export function giveTo(path: string, user: DatabaseUser | undefined): void {
  // Never through a link: in a folder of the database's account that would let it have any file of the system.
  if (user) lchownSync(path, user.uid, user.gid);
}

/** Whether that user may pass through every folder from the root down to this one: a clone under a 0700 home is out of its reach. */
export function canReach(folder: string, user: DatabaseUser): boolean {
  for (let current = folder; ; current = dirname(current)) {
    const { mode, uid, gid } = statSync(current);
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (current === dirname(current)) return true;
  }
}
