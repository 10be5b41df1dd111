import { openPeople, personPlace } from '../../security/access/people.ts';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
import { userEmailIndex, userNameIndex } from '../../security/keys/blind-indexes.ts';
import type { DataKeys } from '../../security/keys/data-keys.ts';
import { newestKeyEpoch } from '../../security/keys/key-epoch.repository.ts';
import { type FoundInvitation, findInvitation } from './invitation.repository.ts';
import { type FoundReset, findPasswordReset } from './password-reset.repository.ts';
import {
  activateUser,
  findAccount,
  findLogin,
  findUser,
  findWaysIn,
  insertUser,
  isLoginTaken,
  listUsers,
  type NewUser,
  renameUser,
  type SealedName,
  type UserChange,
  type UserFilter,
  updateUser,
  type WaysIn,
} from './user.repository.ts';
import type { Account, UserRecord } from './user.ts';

type Personal = 'emailSealed' | 'emailIndex' | 'nameSealed' | 'nameIndex' | 'phoneSealed';
export type ClearUser = Omit<NewUser, Personal> & {
  readonly email: string;
  readonly name: string | null;
  readonly phone: string | null;
};
/** What is not said stays as it is, also where it does not open. */
export type ClearChange = Omit<UserChange, 'name' | 'phoneSealed'> & {
  readonly name?: string | null | undefined;
  readonly phone?: string | null | undefined;
};

export type UserKeys = Pick<DataKeys, 'seal' | 'sealIndexed' | 'openAll' | 'findIndexed'>;

/** Accounts in clear. Address, name and telephone number are sealed on their way into the database and opened on their way out. */
export interface UserRecords {
  /** By the address; unknown ones cost what known ones do. */
  findLogin(reader: Reader, email: string): Promise<Account | undefined>;
  find(reader: Reader, id: string): Promise<UserRecord | undefined>;
  /** An account of the reader's organisation, as sign-in sees it. */
  findAccount(reader: Reader, id: string): Promise<(Account & Pick<UserRecord, 'unreadable'>) | undefined>;
  /** In the order they were made. `text`: a part of address or name among at most 500 people, and a whole one among more. */
  list(
    reader: Reader,
    filter: Omit<UserFilter, 'text'> & { readonly organisationId: number; readonly text: string | undefined },
  ): Promise<UserRecord[]>;
  /** False when the address is taken, in whichever organisation. */
  insert(tx: WriteTx, user: ClearUser): Promise<boolean>;
  update(tx: WriteTx, user: Owner, change: ClearChange): Promise<void>;
  rename(tx: WriteTx, user: Owner, name: string | null): Promise<void>;
  /** False when the person is not waiting to be: a link must not open an account that was disabled meanwhile. */
  activate(tx: WriteTx, user: Owner, details: { name: string | null; passwordHash: string }): Promise<boolean>;
  /** What an account that somebody else vouches for is, and has of its own. */
  findWaysIn(reader: Reader, id: string): Promise<WaysIn | undefined>;
  findReset(reader: Reader, tokenHash: Buffer): Promise<FoundReset | undefined>;
  findInvitation(reader: Reader, tokenHash: Buffer): Promise<FoundInvitation | undefined>;
}

/**
 * What is sealed cannot be searched by the database. Among so few all are opened and looked through, which takes some ten milliseconds; among more
 * only what is asked for as a whole is found, by its index.
 */
const MOST_SEARCHED = 500;

interface Owner {
  readonly organisationId: number;
  readonly id: string;
}

const accountOf = ({ id, organisationId }: Owner) => ({ user_id: id, organisation_id: organisationId });

export function createUserRecords(dataKeys: UserKeys): UserRecords {
  async function sealedName(owner: Owner, name: string | null): Promise<SealedName> {
    if (name === null) return { nameSealed: null, nameIndex: null };
    const { sealed, index } = await dataKeys.sealIndexed(name, personPlace('name', accountOf(owner)), userNameIndex);
    return { nameSealed: sealed, nameIndex: index };
  }

  const sealedPhone = async (owner: Owner, phone: string | null): Promise<Buffer | null> =>
    phone === null ? null : dataKeys.seal(phone, personPlace('phone', accountOf(owner)));

  const opened = async (rows: Awaited<ReturnType<typeof listUsers>>): Promise<UserRecord[]> =>
    openPeople(dataKeys, ['email', 'name', 'phone'], rows);

  return {
    async findLogin(reader, email) {
      const found = await dataKeys.findIndexed(userEmailIndex, null, email, (indexes) => findLogin(reader, indexes));
      return found && { ...found, email };
    },

    async find(reader, id) {
      const found = await findUser(reader, id);
      return found && (await opened([found]))[0];
    },

    async findAccount(reader, id) {
      const found = await findAccount(reader, id);
      return found && (await openPeople(dataKeys, ['email'], [found]))[0];
    },

    async list(reader, { organisationId, text, ...filter }) {
      if (text === undefined) return opened(await listUsers(reader, { ...filter, text: undefined }));
      const all = await listUsers(reader, { ...filter, after: undefined, limit: MOST_SEARCHED + 1, text: undefined });
      if (all.length <= MOST_SEARCHED) {
        const wanted = text.toLowerCase();
        const known = await openPeople(dataKeys, ['email', 'name'], all);
        const found = known
          .filter(({ id }) => filter.after === undefined || id > filter.after)
          .filter(({ email, name }) => [email, name].some((one) => one?.toLowerCase().includes(wanted)))
          .slice(0, filter.limit);
        return openPeople(dataKeys, ['phone'], found);
      }
      const of = text.includes('@') ? 'email' : 'name';
      const index = of === 'email' ? userEmailIndex : userNameIndex;
      const rows = await dataKeys.findIndexed(index, organisationId, text, async (indexes) => ({
        found: await listUsers(reader, { ...filter, text: { of, indexes } }),
        newest: await newestKeyEpoch(reader),
      }));
      return opened(rows);
    },

    async insert(tx, { email, name, phone, ...user }) {
      const owner = { organisationId: user.organisationId, id: user.id };
      const isTaken = await dataKeys.findIndexed(userEmailIndex, null, email, (indexes) => isLoginTaken(tx, indexes));
      if (isTaken) return false;
      const { sealed, index } = await dataKeys.sealIndexed(
        email,
        personPlace('email', accountOf(owner)),
        userEmailIndex,
      );
      return insertUser(tx, {
        ...user,
        ...(await sealedName(owner, name)),
        emailSealed: sealed,
        emailIndex: index,
        phoneSealed: await sealedPhone(owner, phone),
      });
    },

    async update(tx, owner, { name, phone, ...change }) {
      await updateUser(tx, owner.id, {
        ...change,
        name: name === undefined ? undefined : await sealedName(owner, name),
        phoneSealed: phone === undefined ? undefined : await sealedPhone(owner, phone),
      });
    },

    async rename(tx, owner, name) {
      await renameUser(tx, owner.id, await sealedName(owner, name));
    },

    async activate(tx, owner, { name, passwordHash }) {
      return activateUser(tx, owner.id, { ...(await sealedName(owner, name)), passwordHash });
    },

    async findWaysIn(reader, id) {
      const found = await findWaysIn(reader, id);
      return found && (await openPeople(dataKeys, ['email'], [found]))[0];
    },

    async findReset(reader, tokenHash) {
      const found = await findPasswordReset(reader, tokenHash);
      return found && (await openPeople(dataKeys, ['email', 'name'], [found]))[0];
    },

    async findInvitation(reader, tokenHash) {
      const found = await findInvitation(reader, tokenHash);
      if (found === undefined) return undefined;
      const { email_sealed, user_id, ...invitation } = found;
      if (user_id === null) return { ...invitation, user_id, email: null };
      const [opened] = await openPeople(dataKeys, ['email'], [{ ...invitation, user_id, email_sealed }]);
      return opened;
    },
  };
}
