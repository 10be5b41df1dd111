import { command } from './command.ts';

export const demoAttack = command(
  {
    name: 'demo attack',
    summary: 'Attack the running demo from 127.0.0.66, harmlessly, and show that it is noticed',
    options: {},
    examples: ['demo attack', 'demo attack --json'],
    notes: 'It scans, injects and guesses until it is kept out, and says where in the demo to look at what was seen.',
  },
  async (_, output) => (await import('./demo/run-attack.ts')).runDemoAttack(output),
);
