import type { Role } from '@valtronics/contract';
import type { App } from '../../app.ts';
import type { HostActor } from '../../features/identity/index.ts';
import { newPassphrase } from './passphrase.ts';

export interface DemoPerson {
  readonly role: Role;
  readonly email: string;
  readonly password: string;
}

const people: readonly { readonly role: Role; readonly name: string; readonly email: string }[] = [
  { role: 'admin', name: 'Ada (administrator)', email: 'admin@lakeside.example' },
  { role: 'operator', name: 'Omar (operator)', email: 'operator@lakeside.example' },
  { role: 'analyst', name: 'Anna (analyst)', email: 'analyst@lakeside.example' },
  { role: 'user', name: 'Vera (viewer)', email: 'viewer@lakeside.example' },
];

/**
 * One person per role, with passwords made for this start and kept nowhere: whoever finds the data folder, or last week's terminal,
 * cannot sign in with them.
 */
export async function openDemoAccounts(
  firstStart: App['identity']['firstStart'],
  actor: HostActor,
  organisationId: number,
): Promise<DemoPerson[]> {
  return Promise.all(
    people.map(async ({ role, name, email }) => {
      const password = newPassphrase();
      if (!(await firstStart.resetPassword(actor, { email, password })))
        await firstStart.createAccount(actor, { organisationId, email, name, role, password });
      return { role, email, password };
    }),
  );
}
