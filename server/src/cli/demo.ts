import { command } from './command.ts';

export const demo = command(
  {
    name: 'demo',
    summary: 'Run the whole platform with an invented hospital, until Ctrl-C',
    options: {},
    examples: ['demo', 'demo --json'],
    notes: 'Its data lies in ./data-demo, or where VALTRONICS_DATA_DIR says; delete that folder to start afresh.',
  },
  async (_, output) => (await import('./demo/run-demo.ts')).runDemo(output),
);
