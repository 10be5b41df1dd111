import {
  blockKinds,
  blockOrigins,
  blockScopes,
  claimsCreate,
  credentials,
  deviceRegister,
  password,
  userInvite,
} from '@valtronics/contract';
import { z } from 'zod';
import type { Devices } from '../features/devices/index.ts';
import type { FirstStart } from '../features/identity/first-start.ts';
import { Problem } from '../lib/problem.ts';
import type { SigningKeyRotation } from '../security/access/signing-key-rotation.ts';
import type { Transactions } from '../security/audit/transactions.types.ts';
import type { SecurityEvents } from '../security/events/security-event.ts';
import type { DataKeyRotation } from '../security/keys/data-key-rotation.ts';
import type { BlockRow } from '../security/shield/block.repository.ts';
import type { Blocks } from '../security/shield/blocks.ts';
import type { DatabasePlace } from '../start-database.ts';
import { backupCommandShapes, reportDamage, reportFailedDrill } from './backup-commands.ts';
import { keyCommandShapes, presentKeys } from './key-commands.ts';
import { type SubjectKeyCare, subjectKeyCommandShapes, subjectKeyCommands } from './subject-key-commands.ts';

const ORGANISATION = 'My organisation';

const block = z.strictObject({
  id: z.string(),
  scope: z.enum(blockScopes),
  value: z.string(),
  kind: z.enum(blockKinds),
  origin: z.enum(blockOrigins),
  reason: z.string(),
  scenario: z.string().nullable(),
  nth: z.int(),
  evidence: z.record(z.string(), z.unknown()),
  createdAt: z.string(),
  expiresAt: z.string(),
});

/** What each command takes and gives. Both sides of the control socket read it, so neither believes the other. */
export const hostCommandShapes = {
  'users.create': {
    input: userInvite.body.extend({ password: password.optional() }),
    output: z.strictObject({
      user: z.strictObject({
        id: z.string(),
        email: z.string(),
        role: z.string(),
        status: z.enum(['active', 'invited']),
      }),
      invitation: z.strictObject({ url: z.string(), expiresAt: z.string(), mailed: z.boolean() }).nullable(),
    }),
  },
  'users.reset-factors': {
    input: credentials.pick({ email: true }),
    output: z.strictObject({
      user: z.strictObject({ id: z.string(), email: z.string() }),
      removed: z.int(),
      endedSessions: z.int(),
    }),
  },
  'devices.create': { input: deviceRegister.body, output: deviceRegister.response },
  'devices.claim': { input: claimsCreate.body, output: claimsCreate.response },
  'blocks.list': { input: z.strictObject({}), output: z.strictObject({ items: z.array(block) }) },
  'blocks.lift': {
    input: z.strictObject({ which: z.string().trim().min(1).max(200) }),
    output: z.strictObject({ lifted: z.array(block) }),
  },
  // Where, and nothing to get in with: that is in the data folder, for those who may read it.
  'database.place': {
    input: z.strictObject({}),
    output: z.strictObject({ host: z.string(), port: z.int(), database: z.string() }),
  },
  ...keyCommandShapes,
  ...subjectKeyCommandShapes,
  ...backupCommandShapes,
} as const;

export type HostCommandName = keyof typeof hostCommandShapes;
export type HostCommandInput<N extends HostCommandName> = z.output<(typeof hostCommandShapes)[N]['input']>;
export type HostCommandOutput<N extends HostCommandName> = z.output<(typeof hostCommandShapes)[N]['output']>;

/** What somebody at the machine itself may have done, whether a server is running or not. `uid` is theirs, for the audit log. */
export type HostCommands = {
  readonly [N in HostCommandName]: (uid: number, input: HostCommandInput<N>) => Promise<HostCommandOutput<N>>;
};

export function createHostCommands(deps: {
  transactions: Transactions;
  firstStart: FirstStart;
  devices: Devices;
  blocks: Pick<Blocks, 'list' | 'lift'>;
  keyRotation: SigningKeyRotation;
  dataKeyRotation: DataKeyRotation;
  subjectKeys: SubjectKeyCare;
  databasePlace: DatabasePlace;
  events: SecurityEvents;
}): HostCommands {
  const { transactions, firstStart, devices, blocks, keyRotation, dataKeyRotation, databasePlace, events } = deps;
  const actorOf = (uid: number) => ({ kind: 'cli', id: `cli:${uid}`, label: null }) as const;
  const keysShown = async () => presentKeys(await keyRotation.status(), await dataKeyRotation.status());
  const organisation = async () => (await firstStart.ensureOrganisation(ORGANISATION)).id;

  return {
    async 'users.create'(uid, { email, name, role, password: chosen }) {
      const account = { organisationId: await organisation(), email, name: name ?? null, role };
      if (chosen !== undefined) {
        const id = await firstStart.createAccount(actorOf(uid), { ...account, password: chosen });
        return { user: { id, email, role, status: 'active' }, invitation: null };
      }
      const { id, ...invitation } = await firstStart.inviteAccount(actorOf(uid), account);
      return { user: { id, email, role, status: 'invited' }, invitation };
    },

    'users.reset-factors': (uid, { email }) => firstStart.resetFactors(actorOf(uid), email),

    async 'devices.create'(uid, input) {
      const organisationId = await organisation();
      return transactions.system({ organisationId, actor: actorOf(uid), event: 'device.registered' }, (tx) =>
        devices.service.register(tx, organisationId, input),
      );
    },

    async 'devices.claim'(uid, input) {
      const organisationId = await organisation();
      return transactions.system({ organisationId, actor: actorOf(uid), event: 'device.claims_created' }, (tx) =>
        devices.provisioning.create(tx, organisationId, input),
      );
    },

    'blocks.list': async () => ({ items: (await blocks.list()).map(presentBlock) }),

    'blocks.lift': async (uid, { which }) => ({ lifted: (await blocks.lift(which, actorOf(uid))).map(presentBlock) }),

    'database.place': async () => databasePlace,

    'backups.damaged': async (uid, damage) => reportDamage(events, uid, damage),

    'backups.drill-failed': async (uid, drill) => reportFailedDrill(events, uid, drill),

    'keys.status': keysShown,

    async 'keys.rotate'(uid, { now }) {
      await keyRotation.rotate(actorOf(uid), { early: now });
      return keysShown();
    },

    async 'keys.retire'(uid, { kid }) {
      await keyRotation.retire(actorOf(uid), kid);
      return keysShown();
    },

    async 'keys.rotate-data'(uid, { resume }) {
      await dataKeyRotation.begin(actorOf(uid), { resume });
      return dataKeyRotation.progress();
    },

    'keys.rotate-data.progress': async () => dataKeyRotation.progress(),

    ...subjectKeyCommands(deps.subjectKeys, actorOf),

    async 'keys.retire-data'(uid, { epoch }) {
      await dataKeyRotation.retire(actorOf(uid), epoch);
      return keysShown();
    },
  };
}

const presentBlock = (row: BlockRow) => ({
  id: row.id,
  scope: row.scope,
  value: row.value,
  kind: row.kind,
  origin: row.origin,
  reason: row.reason,
  scenario: row.scenario,
  nth: row.nth,
  evidence: row.evidence,
  createdAt: row.created_at.toISOString(),
  expiresAt: row.expires_at.toISOString(),
});

export async function runHostCommand<N extends HostCommandName>(
  commands: HostCommands,
  name: N,
  uid: number,
  input: unknown,
): Promise<HostCommandOutput<N>> {
  const parsed = hostCommandShapes[name].input.safeParse(input);
  if (!parsed.success) {
    throw new Problem('invalid_request', {
      errors: parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message })),
    });
  }
  return commands[name](uid, parsed.data as HostCommandInput<N>);
}
