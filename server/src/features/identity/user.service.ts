import type { DeviceScope, Role, User } from '@valtronics/contract';
import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { DEFAULT_PAGE, decodeCursor, pageOf } from '../../lib/cursor.ts';
import { newId } from '../../lib/ids.ts';
import { invalidField, notFound, Problem } from '../../lib/problem.ts';
import { mustMayGive, mustNotBeAbove, mustSeeEverything } from '../../security/access/giving.ts';
import type { UserPrincipal } from '../../security/access/principal.ts';
import type { Revocations } from '../../security/access/revocations.ts';
import type { AuditedTx, Reader, SystemTx, WriteTx } from '../../security/audit/tokens.ts';
import { newOpaqueToken, tokenHash, tokenPrefixes } from '../../security/crypto/tokens.ts';
import type { AccountMailbox } from './account-mailbox.ts';
import { deleteFactorsOf } from './factor.repository.ts';
import { changeInvitedRole, insertInvitation } from './invitation.repository.ts';
import { currentOrganisation } from './organisation.repository.ts';
import { revokeSessionsOf } from './session.repository.ts';
import { findPasswordHash, lockActiveAdministrators, lockUser, replaceDeviceGroups } from './user.repository.ts';
import { presentUser, type UserRecord } from './user.ts';
import type { UserRecords } from './user-records.ts';

/** A link that opens an account is good for a week; the one of the first start for half an hour. */
export const INVITATION_MS = 7 * 86_400_000;
export const FIRST_LINK_MS = 30 * 60_000;

const position = z.tuple([z.uuid()]);

export type UserService = ReturnType<typeof createUserService>;

export function createUserService(deps: {
  records: UserRecords;
  revocations: Revocations;
  mailbox: AccountMailbox;
  publicUrl: URL;
  clock: Clock;
}) {
  const { records, revocations, mailbox, publicUrl, clock } = deps;

  /** The token stands in the fragment, which a browser never sends to a server, so it stays out of every log. */
  async function invite(
    tx: WriteTx,
    whom: { organisationId: number; userId: string | null; role: Role; validForMs: number; email?: string | undefined },
  ): Promise<{ url: string; expiresAt: string; mailed: boolean }> {
    const token = newOpaqueToken(tokenPrefixes.invitation);
    const expiresAt = new Date(clock.now() + whom.validForMs);
    await insertInvitation(tx, { ...whom, id: newId(), tokenHash: tokenHash(token), expiresAt });
    const url = new URL('/accept-invitation', publicUrl);
    url.hash = `token=${token}`;
    const link = { url: url.href, expiresAt: expiresAt.toISOString() };
    if (whom.email === undefined) return { ...link, mailed: false };
    const { name: organisation } = await currentOrganisation(tx);
    const to = { organisationId: whom.organisationId, email: whom.email };
    // Where it is not, as to an address that does not open, the link is given by hand.
    return { ...link, mailed: await mailbox.put(tx, to, { kind: 'invitation', organisation, ...link }) };
  }

  async function load(reader: Reader, id: string): Promise<UserRecord> {
    const user = await records.find(reader, id);
    if (!user) throw notFound();
    return user;
  }

  /** All of a person's factors; their sessions end, and they are told. */
  async function removeFactors(
    tx: AuditedTx | SystemTx,
    { organisationId, id }: { organisationId: number; id: string },
  ) {
    await lockUser(tx, id);
    const { email } = await load(tx, id);
    const removed = await deleteFactorsOf(tx, id);
    const ended = await revokeSessionsOf(tx, { userId: id, exceptId: null }, 'second factors reset', clock.date());
    await mailbox.put(tx, { organisationId, email }, { kind: 'factors_reset' });
    tx.describe({ resource: { kind: 'user', id }, details: { removed, endedSessions: ended.length } });
    return { removed, ended };
  }

  return {
    invite,
    load,

    async list(
      reader: Reader,
      { organisationId }: { readonly organisationId: number },
      query: {
        limit?: number | undefined;
        cursor?: string | undefined;
        text?: string | undefined;
        role?: Role | undefined;
        kind?: 'person' | 'service' | undefined;
      },
    ) {
      const limit = query.limit ?? DEFAULT_PAGE;
      const [after] = decodeCursor(query.cursor, position) ?? [];
      const { text, role, kind } = query;
      const rows = await records.list(reader, { organisationId, text, role, kind, after, limit: limit + 1 });
      return pageOf(rows, limit, presentUser, ({ id }) => [id]);
    },

    async create(
      tx: AuditedTx,
      by: UserPrincipal,
      person: { email: string; name?: string | undefined; phone?: string | undefined; role: Role },
    ) {
      mustSeeEverything(by);
      await mustMayGive(tx, by, person.role);
      const id = newId();
      const isNew = await records.insert(tx, {
        id,
        organisationId: by.organisationId,
        email: person.email,
        name: person.name ?? null,
        phone: person.phone ?? null,
        role: person.role,
        status: 'invited',
        passwordHash: null,
      });
      if (!isNew)
        throw new Problem('conflict', {
          detail: 'This address already has an account.',
          errors: [{ path: 'email', message: 'already has an account' }],
        });
      const invitation = await invite(tx, {
        organisationId: by.organisationId,
        userId: id,
        email: person.email,
        role: person.role,
        validForMs: INVITATION_MS,
      });
      tx.describe({ resource: { kind: 'user', id }, details: { role: person.role } });
      return { user: presentUser(await load(tx, id)), invitation };
    },

    /** For whom the link was lost or has expired. */
    async inviteAgain(tx: AuditedTx, by: UserPrincipal, id: string) {
      const person = await load(tx, id);
      // The answer holds a link that opens the account, so it is as much as giving its role.
      mustSeeEverything(by);
      await mustMayGive(tx, by, person.role);
      if (person.status !== 'invited')
        throw new Problem('conflict', { detail: 'Only who has not opened the account yet can be invited again.' });
      const { role, email } = person;
      const { organisationId } = by;
      const invitation = await invite(tx, { organisationId, userId: id, email, role, validForMs: INVITATION_MS });
      tx.describe({ resource: { kind: 'user', id }, details: { role, again: true } });
      return { user: presentUser(person), invitation };
    },

    /** The account of a program. Its address is one nobody can have (RFC 2606): what takes an address for a person's finds nobody. */
    async createServiceAccount(tx: AuditedTx, by: UserPrincipal, account: { name: string; role: Role }): Promise<User> {
      mustSeeEverything(by);
      await mustMayGive(tx, by, account.role);
      const id = newId();
      await records.insert(tx, {
        ...account,
        id,
        organisationId: by.organisationId,
        email: `${id}@service.invalid`,
        phone: null,
        kind: 'service',
        status: 'active',
        passwordHash: null,
      });
      tx.describe({ resource: { kind: 'user', id }, details: { role: account.role } });
      return presentUser(await load(tx, id));
    },

    /**
     * Nobody changes their own role or status, or the rights of somebody who may more than they do; and an organisation keeps one active
     * administrator: a person with the built-in role, which nobody can edit, so that it always holds every permission, and who sees the
     * whole fleet, or nobody could decide any more who sees what.
     */
    async change(
      tx: AuditedTx,
      by: UserPrincipal,
      id: string,
      change: {
        name?: string | null | undefined;
        phone?: string | null | undefined;
        role?: Role | undefined;
        status?: 'active' | 'disabled' | undefined;
        mustChangePassword?: boolean | undefined;
        deviceScope?: DeviceScope | undefined;
        deviceGroupIds?: readonly string[] | undefined;
      },
    ) {
      const administrators = await lockActiveAdministrators(tx);
      const before = await load(tx, id);
      const becomesActive = change.status === 'active' && before.status !== 'active';
      // Whoever never chose a password is invited again, not active: there would be nothing to sign in with.
      const isUnopened = before.kind === 'person' && becomesActive && (await findPasswordHash(tx, id)) === null;
      if (isUnopened && before.status === 'invited')
        throw new Problem('conflict', { detail: 'The person becomes active by accepting the invitation.' });
      const after = {
        name: change.name,
        phone: change.phone,
        role: change.role ?? before.role,
        status: isUnopened ? ('invited' as const) : (change.status ?? before.status),
        mustChangePassword: change.mustChangePassword ?? before.must_change_password,
        deviceScope: change.deviceScope ?? before.device_scope,
      };
      const changesSight = after.deviceScope !== before.device_scope || change.deviceGroupIds !== undefined;
      const changesRights = changesSight || after.role !== before.role || after.status !== before.status;
      if (changesRights && id === by.userId)
        throw new Problem('forbidden', { detail: 'Nobody changes their own role, status or devices.' });
      if (changesRights) {
        mustSeeEverything(by);
        await mustNotBeAbove(tx, by, id);
      }
      if (after.role !== before.role) await mustMayGive(tx, by, after.role);
      const staysAdministrator = after.role === 'admin' && after.status === 'active' && after.deviceScope === 'all';
      if (administrators.length === 1 && administrators[0] === id && !staysAdministrator)
        throw new Problem('conflict', { detail: 'The last administrator stays one.' });
      await records.update(tx, { organisationId: by.organisationId, id }, after);
      if (change.deviceGroupIds && !(await replaceDeviceGroups(tx, id, change.deviceGroupIds)))
        throw invalidField('deviceGroupIds', 'there is no such group');
      if (after.role !== before.role) await changeInvitedRole(tx, id, after.role);
      if (after.status === 'disabled')
        await revokeSessionsOf(tx, { userId: id, exceptId: null }, 'account disabled', clock.date());
      const changed: string[] = (['name', 'phone', 'role', 'status'] as const).filter(
        (field) =>
          after[field] !== undefined &&
          (after[field] !== before[field] || before.unreadable.some((one) => one === field)),
      );
      if (after.mustChangePassword !== before.must_change_password) changed.push('mustChangePassword');
      tx.describe({
        resource: { kind: 'user', id },
        details: {
          changed,
          ...(changesSight ? { deviceScope: after.deviceScope, deviceGroupIds: change.deviceGroupIds } : {}),
          ...(after.role === before.role ? {} : { newRole: after.role }),
          ...(changesRights ? { role: [before.role, after.role], status: [before.status, after.status] } : {}),
        },
      });
      const isDue = after.mustChangePassword && !before.must_change_password;
      return { user: presentUser(await load(tx, id)), changesRights: changesRights || isDue };
    },

    /** After the change is committed: open connections are checked again, or ended, within a second. */
    async rightsChanged(organisationId: number, userId: string): Promise<void> {
      await revocations.announce({ userId, recheck: true });
      await revocations.announce({ organisationId, sight: true });
    },

    removeFactors,

    /** For a person who lost their factors: the next sign-in sets up new ones where the role needs them. */
    async resetFactors(tx: AuditedTx, by: UserPrincipal, id: string) {
      if (id === by.userId) throw new Problem('forbidden', { detail: 'Your own factors stand under your account.' });
      await load(tx, id);
      await mustNotBeAbove(tx, by, id);
      const { ended } = await removeFactors(tx, { organisationId: by.organisationId, id });
      return { user: presentUser(await load(tx, id)), ended };
    },

    async endSessions(tx: AuditedTx, by: UserPrincipal, id: string): Promise<string[]> {
      await load(tx, id);
      await mustNotBeAbove(tx, by, id);
      const ended = await revokeSessionsOf(
        tx,
        { userId: id, exceptId: null },
        'ended by an administrator',
        clock.date(),
      );
      tx.describe({ resource: { kind: 'user', id }, details: { endedSessions: ended.length } });
      return ended;
    },

    async rename(tx: AuditedTx, by: UserPrincipal, name: string | null): Promise<void> {
      await records.rename(tx, { organisationId: by.organisationId, id: by.userId }, name);
      tx.describe({ resource: { kind: 'user', id: by.userId }, details: { changed: ['name'] } });
    },
  };
}
