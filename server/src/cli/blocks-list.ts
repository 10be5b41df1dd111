import { command } from './command.ts';
import { onHost } from './with-platform.ts';

export const blocksList = command(
  {
    name: 'blocks list',
    summary: 'List what is blocked now, with reason and end',
    options: {},
    examples: ['blocks list', 'blocks list --json'],
    notes: 'Works on the data folder of VALTRONICS_DATA_DIR, whether its server runs or not.',
  },
  async (_given, output) => {
    const blocks = await onHost('blocks.list', {});
    const lines = blocks.items.map(
      ({ id, scope, value, kind, nth, reason, scenario, expiresAt }) =>
        `${scope} ${value}  ${kind} until ${expiresAt}, no. ${nth} within a day  ${reason}${scenario === null ? '' : ` [${scenario}]`}  (${id})`,
    );
    output.result(blocks, lines.length === 0 ? 'Nothing is blocked.' : lines.join('\n'));
  },
);
