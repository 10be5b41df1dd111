import { parentPort } from 'node:worker_threads';
import { lookAt, type PartOfLog } from './entry-files.ts';
import type { Look } from './sound-tile.ts';

/** What was seen, or why it could not be looked at: of this log, which says nothing of the next one. */
export type Answer = { readonly look: Look } | { readonly error: unknown };

// Answers in the order it was asked.
parentPort?.on('message', (part: PartOfLog) => parentPort?.postMessage(answerTo(part)));

function answerTo(part: PartOfLog): Answer {
  try {
    return { look: lookAt(part) };
  } catch (error) {
    return { error };
  }
}
