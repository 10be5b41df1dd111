import { startupFault } from '../startup-fault.ts';
import { auditConsistency } from './audit-consistency.ts';
import { auditExport } from './audit-export.ts';
import { auditProve } from './audit-prove.ts';
import { auditVerify } from './audit-verify.ts';
import { auditWitness } from './audit-witness.ts';
import { blocksLift } from './blocks-lift.ts';
import { blocksList } from './blocks-list.ts';
import type { Command } from './command.ts';
import { CommandError, UsageError } from './command-error.ts';
import { dbInit } from './db-init.ts';
import { dbMigrate } from './db-migrate.ts';
import { demo } from './demo.ts';
import { demoAttack } from './demo-attack.ts';
import { devicesClaim } from './devices-claim.ts';
import { devicesCreate } from './devices-create.ts';
import { firewall } from './firewall.ts';
import { commandHelp, generalHelp, usageOf } from './help.ts';
import { keysRetire, keysRotate, keysStatus } from './keys.ts';
import { nearestWord } from './nearest-word.ts';
import { createOutput, type Stream } from './output.ts';
import { replay } from './replay.ts';
import { simulate } from './simulate.ts';
import { usersCreate } from './users-create.ts';
import { usersResetFactors } from './users-reset-factors.ts';

const commands: readonly Command[] = [
  dbInit,
  dbMigrate,
  usersCreate,
  usersResetFactors,
  devicesCreate,
  devicesClaim,
  blocksList,
  blocksLift,
  firewall,
  keysStatus,
  keysRotate,
  keysRetire,
  auditVerify,
  auditExport,
  auditProve,
  auditConsistency,
  auditWitness,
  simulate,
  replay,
  // Before the one that its name begins with.
  demoAttack,
  demo,
];

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

  const chosen = commands.find(({ name }) => name.split(' ').every((word, index) => words[index] === word));
  if (!chosen) {
    if (wantsHelp || words.length === 0) {
      (wantsHelp ? out : err).write(`${generalHelp(commands)}\n`);
      return wantsHelp ? EXIT.done : EXIT.wrongUsage;
    }
    return unknownCommand(words, err);
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

function unknownCommand(words: readonly string[], err: Stream): number {
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
