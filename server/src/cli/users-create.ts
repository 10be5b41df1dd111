import { roles, userInvite } from '@valtronics/contract';
import { checked } from './checked.ts';
import { command } from './command.ts';
import { UsageError } from './command-error.ts';
import { readSecretLine } from './secret-line.ts';
import { onHost } from './with-platform.ts';

export const usersCreate = command(
  {
    name: 'users create',
    summary: 'Create an account, with a password or with a link to choose one',
    options: {
      email: { type: 'string', value: 'EMAIL', required: true, help: 'address to sign in with' },
      role: { type: 'string', value: 'ROLE', required: true, help: `${roles.join(', ')}, or one of your own` },
      name: { type: 'string', value: 'NAME', help: 'as people call them' },
      'password-stdin': { type: 'boolean', help: 'read the password from standard input, the first line of it' },
    },
    examples: [
      'users create --email ada@example.org --role admin',
      'users create --email ada@example.org --role admin --password-stdin < password.txt',
    ],
    notes:
      'Without --password-stdin it prints a link with which the person chooses a password; it works once, within a week.\nWorks on the data folder of VALTRONICS_DATA_DIR, whether its server runs or not.',
  },
  async ({ values }, output) => {
    const { email, name, role } = values;
    const account = checked(userInvite.body, { email, role, ...(name === undefined ? {} : { name }) });
    const password = values['password-stdin'] ? await readSecretLine(process.stdin) : undefined;
    if (password === '') throw new UsageError('there is no password on standard input');
    const created = await onHost('users.create', { ...account, ...(password === undefined ? {} : { password }) });
    const { user, invitation } = created;
    output.result(
      created,
      invitation === null
        ? `Created the account ${user.email} (${user.role}).`
        : `Invited ${user.email} (${user.role}). This link works once, until ${invitation.expiresAt}:\n  ${invitation.url}`,
    );
  },
);
