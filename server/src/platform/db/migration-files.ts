import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface MigrationFile {
  number: number;
  name: string;
  sql: string;
  sha256: string;
}

export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

const NAME = /^(\d{4})-[a-z0-9]+(?:-[a-z0-9]+)*\.sql$/;

/** The migrations in a folder, in order: 0001, 0002, … without a gap. */
export async function readMigrations(folder: string): Promise<MigrationFile[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  const files: MigrationFile[] = [];
  for (const name of names) {
    const match = NAME.exec(name);
    if (!match) throw new MigrationError(`migration ${name} is not named NNNN-what-it-does.sql`);
    const number = Number(match[1]);
    if (number !== files.length + 1) {
      throw new MigrationError(
        `migration ${name} is out of order: number ${String(files.length + 1).padStart(4, '0')} is expected`,
      );
    }
    const sql = await readFile(join(folder, name), 'utf8');
    files.push({ number, name, sql, sha256: createHash('sha256').update(sql).digest('hex') });
  }
  return files;
}
