import type { Groups } from '../pattern.ts';
import type { Signature } from '../signature.ts';
import { addressGroups, addressSignatures } from './addresses.ts';
import { commandGroups, commandSignatures } from './commands.ts';
import { documentGroups, documentSignatures } from './documents.ts';
import { fileGroups, fileSignatures } from './files.ts';
import { markupGroups, markupSignatures } from './markup.ts';
import { scannerGroups, scannerSignatures } from './scanners.ts';
import { sqlGroups, sqlSignatures } from './sql.ts';
import { templateGroups, templateSignatures } from './templates.ts';

/** Everything that is looked for, by what it is called and what it counts. */
export const signatures: readonly Signature[] = [
  ...sqlSignatures,
  ...documentSignatures,
  ...markupSignatures,
  ...fileSignatures,
  ...commandSignatures,
  ...templateSignatures,
  ...addressSignatures,
  ...scannerSignatures,
];

export const groups: Groups = {
  ...sqlGroups,
  ...documentGroups,
  ...markupGroups,
  ...fileGroups,
  ...commandGroups,
  ...templateGroups,
  ...addressGroups,
  ...scannerGroups,
};
