import type { Command } from './command.ts';
import { filesDecrypt } from './files-decrypt.ts';
import { filesEncrypt } from './files-encrypt.ts';

/** Apart from the other commands, because they need nothing of the platform and are to be small in memory. */
export const fileCommands: readonly Command[] = [filesEncrypt, filesDecrypt];
