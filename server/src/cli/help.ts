import type { Command, OptionWords } from './command.ts';

const common: readonly (readonly [string, string])[] = [
  ['--json', 'print one JSON document on standard output; progress goes to standard error'],
  ['--help', 'print this'],
];

export function usageOf({ name, argument, options }: Command): string {
  const words = Object.entries(options).map(([option, words]) =>
    words.required ? wordsOf(option, words) : `[${wordsOf(option, words)}]`,
  );
  return ['valtronics', name, ...(argument === undefined ? [] : [argument]), ...words, '[--json]'].join(' ');
}

function wordsOf(name: string, { type, value }: OptionWords): string {
  return type === 'boolean' ? `--${name}` : `--${name} ${value ?? 'VALUE'}`;
}

export function commandHelp(command: Command): string {
  const rows = [
    ...Object.entries(command.options).map(([name, words]) => {
      const short = words.short === undefined ? '' : `-${words.short}, `;
      return [`${short}${wordsOf(name, words)}`, words.help] as const;
    }),
    ...common,
  ];
  return [
    `${command.summary}.`,
    '',
    'Usage:',
    `  ${usageOf(command)}`,
    '',
    'Options:',
    ...columns(rows),
    ...(command.notes === undefined ? [] : ['', command.notes]),
    '',
    'Examples:',
    ...command.examples.map((example) => `  valtronics ${example}`),
  ].join('\n');
}

export function generalHelp(commands: readonly Command[], settings: string): string {
  return [
    'Valtronics from the command line. In a clone: npm run -s valtronics -- <command>',
    '',
    'Commands:',
    ...columns(commands.map(({ name, summary }) => [name, summary] as const)),
    '',
    'valtronics <command> --help says more. Exit codes: 0 done, 1 failed, 2 wrong usage.',
    '',
    settings,
  ].join('\n');
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
