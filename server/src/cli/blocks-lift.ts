import { command } from './command.ts';
import { onHost } from './with-platform.ts';

export const blocksLift = command(
  {
    name: 'blocks lift',
    summary: 'Lift a block, by its id or by what it blocks',
    argument: 'ID|ADDRESS',
    options: {},
    examples: ['blocks lift 203.0.113.9', 'blocks lift 2001:db8:7:1::/64', 'blocks lift 203.0.113.0/24'],
    notes:
      'Also of a person or a device, by their id. What led to the block is forgiven, and for ten minutes no detection blocks\nthe same again. It takes effect on every server within a second.\nWorks on the data folder of VALTRONICS_DATA_DIR, whether its server runs or not.',
  },
  async ({ argument }, output) => {
    const done = await onHost('blocks.lift', { which: argument });
    output.result(done, done.lifted.map(({ value, id }) => `Lifted the block of ${value} (${id}).`).join('\n'));
  },
);
