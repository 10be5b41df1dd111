import { closeSync, openSync, statSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import type { Blocks } from '../lib/blocks.ts';
import { writeCompleteFile } from '../platform/files/complete-file.ts';
import { readBlocks, readStream } from '../platform/files/read-blocks.ts';
import type { FileStream } from '../security/crypto/files/file-encryption.ts';
import { createByteProgress, inUnits } from './byte-progress.ts';
import { CommandError } from './command-error.ts';
import type { Output } from './output.ts';
import { untilSignal } from './until-signal.ts';

/** As a file name: standard input or output. */
export const STANDARD_STREAM = '-';

export interface FileWork {
  readonly input: string;
  readonly output: string;
  readonly replaces: boolean;
  /** `Encrypted` */
  readonly done: string;
  /** Begins to encrypt or decrypt the blocks of the input. */
  start(input: Blocks): Promise<FileStream>;
}

/** Reads the input to its end and writes the output, with a progress bar. Ctrl-C leaves no output. */
export async function runFileWork(work: FileWork, output: Output): Promise<void> {
  // What the loading of the elliptic curves leaves would otherwise keep V8's young generation at ten times what this work needs.
  setFlagsFromString('--semi-space-growth-factor=1');
  await untilSignal(undefined, async (signal) => {
    const input = openInput(work.input, signal);
    const startedAt = performance.now();
    const counts = { in: 0, out: 0 };
    try {
      const progress = createByteProgress(output.terminal, input.size);
      const { format, blocks } = await work.start(
        counted(input.blocks, (bytes) => {
          counts.in += bytes;
          progress.add(bytes);
        }),
      );
      const made = counted(blocks, (bytes) => {
        counts.out += bytes;
      });
      if (work.output === STANDARD_STREAM) await writeStandardOutput(made);
      else await writeCompleteFile({ target: work.output, replaces: work.replaces }, made);
      progress.finish();
      const seconds = Math.round(performance.now() - startedAt) / 1000;
      // Standard output is the file then.
      if (work.output === STANDARD_STREAM) return;
      output.result(
        { input: work.input, output: work.output, format, bytesRead: counts.in, bytesWritten: counts.out, seconds },
        `${work.done} ${work.input} to ${work.output} (${inUnits(counts.out)}).`,
      );
    } catch (error) {
      if (signal.aborted) throw new CommandError('stopped: there is no output');
      throw error;
    } finally {
      input.close();
    }
  });
}

interface Input {
  readonly blocks: Blocks;
  /** Bytes, where they are known before. */
  readonly size: number | undefined;
  close(): void;
}

function openInput(name: string, signal: AbortSignal): Input {
  if (name === STANDARD_STREAM)
    return { blocks: readStream(process.stdin, signal), size: undefined, close: () => process.stdin.destroy() };
  try {
    const status = statSync(name);
    if (status.isDirectory())
      throw new CommandError(
        `${name} is a folder: pack it first, as in tar c ${name} | valtronics files encrypt - -o FILE`,
      );
    // Opening a pipe or reading a terminal waits, and cannot be stopped while it does.
    if (!status.isFile())
      throw new CommandError(`${name} is no regular file: send it to standard input, and name that -`);
    const descriptor = openSync(name, 'r');
    return { blocks: readBlocks(descriptor, signal), size: status.size, close: () => closeSync(descriptor) };
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError(code === 'ENOENT' ? `${name} does not exist` : `${name} cannot be read: ${code}`);
  }
}

async function* counted(blocks: Blocks, count: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  for await (const block of blocks) {
    yield block;
    count(block.length);
  }
}

/** Block by block; an error when whoever reads it goes away. */
async function writeStandardOutput(blocks: Blocks): Promise<void> {
  // Each write is told its error; without a listener the same error would also end the process.
  process.stdout.on('error', () => undefined);
  for await (const block of blocks) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    process.stdout.write(block, (error) => (error ? reject(error) : resolve()));
    await promise.catch((error: NodeJS.ErrnoException) => {
      throw new CommandError(`standard output cannot be written: ${error.code}`);
    });
  }
}
