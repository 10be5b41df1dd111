import { type ParseArgsConfig, type ParseArgsOptionDescriptor, parseArgs } from 'node:util';
import { UsageError } from './command-error.ts';
import { nearestWord } from './nearest-word.ts';
import type { Output } from './output.ts';

/** An option as `parseArgs` reads it, with what the help says of it. */
export interface OptionWords extends ParseArgsOptionDescriptor {
  readonly help: string;
  /** How the help calls its value, for instance `FILE`. */
  readonly value?: string;
  readonly required?: true;
}
type OptionTable = Readonly<Record<string, OptionWords>>;

type ValuesOf<O extends OptionTable> = ReturnType<
  typeof parseArgs<{ options: O & ParseArgsConfig['options']; allowPositionals: true }>
>['values'];

interface Declaration<O extends OptionTable> {
  /** `users create` */
  readonly name: string;
  readonly summary: string;
  /** What it takes besides options, as the help names it; exactly one, or in brackets at most one. */
  readonly argument?: string;
  readonly options: O;
  /** Without the leading `valtronics`. */
  readonly examples: readonly string[];
  /** Anything worth saying in the help that is no option. */
  readonly notes?: string;
}

export interface Command extends Declaration<OptionTable> {
  /** Exit code 1 by throwing a CommandError, 2 by a UsageError. */
  run(args: readonly string[], output: Output): Promise<void>;
}

/** One command of the command line. What was typed is checked against its options before it runs. */
export function command<const O extends OptionTable>(
  declaration: Declaration<O>,
  run: (given: { values: ValuesOf<O>; argument: string }, output: Output) => Promise<void>,
): Command {
  return {
    ...declaration,
    async run(args, output) {
      const { values, positionals } = parse(declaration, args);
      for (const [name, { required }] of Object.entries(declaration.options)) {
        if (required && values[name as keyof typeof values] === undefined) throw new UsageError(`--${name} is missing`);
      }
      const wanted = declaration.argument === undefined ? 0 : 1;
      const isOptional = declaration.argument?.startsWith('[') && positionals.length === 0;
      const [argument = ''] = positionals;
      if (!isOptional && (positionals.length < wanted || (wanted === 1 && argument === '')))
        throw new UsageError(`${declaration.argument} is missing`);
      const extra = positionals[wanted];
      if (extra !== undefined) throw new UsageError(`${JSON.stringify(extra)} is one word too many`);
      await run({ values, argument }, output);
    },
  };
}

function parse<O extends OptionTable>(
  { options }: Declaration<O>,
  args: readonly string[],
): { values: ValuesOf<O>; positionals: string[] } {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: options as O & ParseArgsConfig['options'],
      allowPositionals: true,
      strict: true,
    });
    return { values: values as ValuesOf<O>, positionals };
  } catch (error) {
    throw new UsageError(complaint(error as Error & { code?: string }, Object.keys(options)));
  }
}

/** Node's own messages run over several sentences; one is enough, with the option that was probably meant. */
function complaint(error: Error & { code?: string }, options: readonly string[]): string {
  if (error.code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const given = /'(-[^'\s]*)/.exec(error.message)?.[1] ?? '';
    const near = nearestWord(given.replace(/^-+/, ''), options);
    return `there is no option ${given}${near === undefined ? '' : `: did you mean --${near}?`}`;
  }
  const [first = error.message] = error.message.split(/\.\s|\n/);
  return first.charAt(0).toLowerCase() + first.slice(1);
}
