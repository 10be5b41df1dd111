import { mkdirSync } from 'node:fs';

/**
 * Makes the data folder, closed to others. As root others may pass through it (not list it), so that the account the database runs as
 * reaches what is its own; every file in it is closed on its own.
 */
export function makeDataFolder(dataDir: string): void {
  mkdirSync(dataDir, { recursive: true, mode: process.getuid?.() === 0 ? 0o711 : 0o700 });
}
