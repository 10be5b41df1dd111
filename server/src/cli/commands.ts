import { auditConsistency } from './audit-consistency.ts';
import { auditExport } from './audit-export.ts';
import { auditProve } from './audit-prove.ts';
import { auditVerify } from './audit-verify.ts';
import { auditWitness } from './audit-witness.ts';
import { backupCreate } from './backup-create.ts';
import { backupDrill } from './backup-drill.ts';
import { backupList } from './backup-list.ts';
import { backupPrune } from './backup-prune.ts';
import { backupRestore } from './backup-restore.ts';
import { backupVerify } from './backup-verify.ts';
import { blocksLift } from './blocks-lift.ts';
import { blocksList } from './blocks-list.ts';
import type { Command } from './command.ts';
import { dbInit } from './db-init.ts';
import { dbMigrate } from './db-migrate.ts';
import { demo } from './demo.ts';
import { demoAttack } from './demo-attack.ts';
import { devicesClaim } from './devices-claim.ts';
import { devicesCreate } from './devices-create.ts';
import { fileCommands } from './file-commands.ts';
import { firewall } from './firewall.ts';
import { keysRetire, keysRotate, keysStatus } from './keys.ts';
import { keysSubjectsAcceptLoss, keysSubjectsBackup, keysSubjectsDestroy } from './keys-subjects.ts';
import { replay } from './replay.ts';
import { secretsCheck } from './secrets-check.ts';
import { simulate } from './simulate.ts';
import { usersCreate } from './users-create.ts';
import { usersResetFactors } from './users-reset-factors.ts';

export const commands: readonly Command[] = [
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
  keysSubjectsBackup,
  keysSubjectsDestroy,
  keysSubjectsAcceptLoss,
  auditVerify,
  auditExport,
  auditProve,
  auditConsistency,
  auditWitness,
  backupCreate,
  backupList,
  backupVerify,
  backupRestore,
  backupDrill,
  backupPrune,
  ...fileCommands,
  secretsCheck,
  simulate,
  replay,
  // Before the one that its name begins with.
  demoAttack,
  demo,
];
