import { claimsCreate, deviceRegister, password, userInvite } from '@valtronics/contract';
import { z } from 'zod';
import type { Devices } from '../features/devices/index.ts';
import type { FirstStart } from '../features/identity/first-start.ts';
import { Problem } from '../lib/problem.ts';
import type { Transactions } from '../security/audit/transactions.types.ts';

const ORGANISATION = 'My organisation';

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
      invitation: z.strictObject({ url: z.string(), expiresAt: z.string() }).nullable(),
    }),
  },
  'devices.create': { input: deviceRegister.body, output: deviceRegister.response },
  'devices.claim': { input: claimsCreate.body, output: claimsCreate.response },
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
}): HostCommands {
  const { transactions, firstStart, devices } = deps;
  const actorOf = (uid: number) => ({ kind: 'cli', id: `cli:${uid}`, label: null }) as const;
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
  };
}

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
