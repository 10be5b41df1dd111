import { hash } from 'node:crypto';

/** Numbers for PostgreSQL's advisory locks. Two keys with one number would only wait for each other. */
export const lockNumber = (key: string): bigint =>
  hash('sha256', `valtronics/guessing/${key}`, 'buffer').readBigInt64BE(0);

/** Whoever decides on an address, because of guesses or of a detection, holds this until the decision stands. */
export const lockOfAddress = (address: string): bigint => lockNumber(`address/${address}`);
