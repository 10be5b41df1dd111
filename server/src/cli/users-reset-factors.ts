import { credentials } from '@valtronics/contract';
import { checked } from './checked.ts';
import { command } from './command.ts';
import { onHost } from './with-platform.ts';

export const usersResetFactors = command(
  {
    name: 'users reset-factors',
    summary: 'Remove the second factors of somebody who lost them',
    options: { email: { type: 'string', value: 'EMAIL', required: true, help: 'whose' } },
    examples: ['users reset-factors --email ada@example.org'],
    notes:
      'For whom no administrator can do it. Their sessions end and they are told by mail; at the next sign-in they set up new\nones where their role needs them. Make sure first that it is them who ask.\nWorks on the data folder of VALTRONICS_DATA_DIR, whether its server runs or not.',
  },
  async ({ values }, output) => {
    const asked = checked(credentials.pick({ email: true }), { email: values.email });
    const done = await onHost('users.reset-factors', asked);
    output.result(
      done,
      `Removed ${done.removed} second factors of ${done.user.email} and ended ${done.endedSessions} sessions.`,
    );
  },
);
