import { parentPort } from 'node:worker_threads';
import { lookAt, type PartOfLog } from './entry-files.ts';

// Answers in the order it was asked. What cannot be read ends the thread, and its error reaches whoever asked.
parentPort?.on('message', (part: PartOfLog) => parentPort?.postMessage(lookAt(part)));
