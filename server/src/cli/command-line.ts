import { startupFault } from '../startup-fault.ts';
import type { Command } from './command.ts';
import { CommandError, UsageError } from './command-error.ts';
import { commandHelp, generalHelp, usageOf } from './help.ts';
import { nearestWord } from './nearest-word.ts';
import { createOutput, type Stream } from './output.ts';

const EXIT = { done: 0, failed: 1, wrongUsage: 2 } as const;

/** Finds the command that was asked for, runs it, and turns its end into an exit code. */
export async function runCommandLine(
  args: readonly string[],
  { out, err }: { readonly out: Stream; readonly err: Stream },
): Promise<number> {
  const end = args.indexOf('--');
  const before = end < 0 ? args : args.slice(0, end);
  const isJson = before.includes('--json');
  const wantsHelp = before.includes('--help') || before.includes('-h');
  const words = args.filter(
    (arg, index) => !((arg === '--json' || arg === '--help' || arg === '-h') && index < before.length),
  );
  const output = createOutput({ isJson, out, err });

  const commands = await commandsFor(words);
  const chosen = commands.find(({ name }) => name.split(' ').every((word, index) => words[index] === word));
  if (!chosen) {
    if (wantsHelp || words.length === 0) {
      const { settingsHelp } = await import('../platform/config/settings.ts');
      (wantsHelp ? out : err).write(`${generalHelp(commands, settingsHelp())}\n`);
      return wantsHelp ? EXIT.done : EXIT.wrongUsage;
    }
    return unknownCommand(words, commands, err);
  }
  if (wantsHelp) {
    out.write(`${commandHelp(chosen)}\n`);
    return EXIT.done;
  }
  try {
    await chosen.run(words.slice(chosen.name.split(' ').length), output);
    return EXIT.done;
  } catch (error) {
    if (error instanceof UsageError) {
      err.write(`valtronics: ${error.message}\nusage: ${usageOf(chosen)}\n`);
      return EXIT.wrongUsage;
    }
    const line = error instanceof CommandError ? error.message : startupFault(error);
    err.write(`valtronics: ${line}\n`);
    return EXIT.failed;
  }
}

/** Only what the first word needs is loaded: the rest of the platform takes more memory than a file of any size may. */
async function commandsFor([group]: readonly string[]): Promise<readonly Command[]> {
  return group === 'files'
    ? (await import('./file-commands.ts')).fileCommands
    : (await import('./commands.ts')).commands;
}

function unknownCommand(words: readonly string[], commands: readonly Command[], err: Stream): number {
  const given = words.slice(0, 2).join(' ');
  const names = commands.map(({ name }) => name);
  const group = names.filter((name) => name.startsWith(`${words[0]} `));
  const near = nearestWord(given, names) ?? nearestWord(words[0] ?? '', names);
  const hint =
    group.length > 0
      ? `there is ${group.join(', ')}`
      : near === undefined
        ? '--help lists them'
        : `did you mean "${near}"?`;
  err.write(`valtronics: there is no command ${JSON.stringify(given.slice(0, 60))}: ${hint}\n`);
  return EXIT.wrongUsage;
}
