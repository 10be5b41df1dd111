import { join } from 'node:path';
import type { Blocks } from '../../lib/blocks.ts';
import type { ObjectStorePlace } from '../config/connection-urls.ts';

/** Somewhere that files are kept under their names: a folder, or a bucket of an object store. */
export interface Storage {
  /** For messages; no secret is in it. */
  readonly place: string;
  /** Of all complete files, without those further below. */
  names(): Promise<string[]>;
  /** Undefined where there is none. */
  read(name: string): Promise<{ readonly bytes: number; readonly blocks: Blocks } | undefined>;
  /** In bytes; undefined where there is none. */
  size(name: string): Promise<number | undefined>;
  /** Nothing of it is to be seen until all of it is there. One that is there already stays, and this fails. */
  write(name: string, blocks: Blocks): Promise<void>;
  /** One that is not there is no mistake. */
  remove(name: string): Promise<void>;
  /** Throws away what was begun and never completed, if nobody has written to it since. */
  sweep(before: Date): Promise<void>;
  /** A place of its own within this one, made by the first write. */
  below(name: string): Storage;
}

/** What `below` names as its place: of a bucket every folder ends with a slash. */
export const placeBelow = (place: string, name: string): string =>
  place.endsWith('/') ? `${place}${name}/` : join(place, name);

export const bucketPlace = ({ host, bucket, prefix }: ObjectStorePlace): string => `s3://${host}/${bucket}/${prefix}`;

/** One line that names the place and what is wrong with it. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
}
