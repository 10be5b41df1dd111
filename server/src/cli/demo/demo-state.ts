import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Config } from '../../platform/config/config.ts';
import { makeDataFolder } from '../../platform/db/data-folder.ts';
import { createKeyRing } from '../../security/crypto/key-ring.ts';
import { sealedFile } from '../../security/crypto/sealed-file.ts';
import { unlockRootKey } from '../../security/crypto/unlock-root-key.ts';
import { CommandError } from '../command-error.ts';
import { knownDevice } from '../register-fleet.ts';

const MARKER = 'demo';
/** Where it lies unless told. */
export const DEMO_DATA_DIR = './data-demo';

export const isDemoFolder = (dataDir: string): boolean => existsSync(join(dataDir, MARKER));

/**
 * The demo prints passwords and invents measurements, so it only ever runs on a data folder of its own: an empty one it marks, or one
 * it has marked before.
 */
export function claimDemoFolder(dataDir: string): void {
  if (isDemoFolder(dataDir)) return;
  if (existsSync(dataDir) && readdirSync(dataDir).length > 0) {
    throw new CommandError(
      `the data folder ${dataDir} does not belong to the demo: give the demo one of its own with VALTRONICS_DATA_DIR`,
    );
  }
  makeDataFolder(dataDir);
  writeFileSync(
    join(dataDir, MARKER),
    'This folder belongs to the demo of Valtronics. Delete it whole to start afresh.\n',
    {
      mode: 0o600,
    },
  );
}

const stateSchema = z.strictObject({
  /** What the simulated devices prove themselves with. */
  devices: z.array(knownDevice),
  rulesCreated: z.boolean(),
  /** A folder of before there were any has none yet. */
  subjectsCreated: z.boolean().default(false),
  /** A filling of the history that has not been finished began here. */
  fillingSinceMs: z.number().nullable(),
});
export type DemoState = z.infer<typeof stateSchema>;

export interface DemoStateFile {
  read(): Promise<DemoState>;
  write(state: DemoState): Promise<void>;
}

/** What the demo remembers between two starts; sealed, because it holds credentials. */
export async function demoStateFile(config: Config): Promise<DemoStateFile> {
  const file = sealedFile(join(config.dataDir, 'demo.sealed'), createKeyRing(await unlockRootKey(config)));
  return {
    async read() {
      const text = await file.read();
      if (text === undefined) return { devices: [], rulesCreated: false, subjectsCreated: false, fillingSinceMs: null };
      return stateSchema.parse(JSON.parse(text));
    },
    write: (state) => file.write(JSON.stringify(state)),
  };
}
