import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';

const NFT = '/usr/sbin/nft';
const WITHIN_MS = 10_000;
const MOST_OUTPUT = 64 << 20;

/** nft opens its input by name, which a socket (as Node's pipes are) does not have: a file that nobody else can open, without a name. */
function fileOf(input: string): number {
  const name = `/tmp/valtronics-nft-${randomBytes(16).toString('hex')}`;
  const file = openSync(name, 'wx+', 0o600);
  unlinkSync(name);
  writeSync(file, input);
  return file;
}

/** Runs nft with these arguments and no shell, an empty environment and the input on its own; answers what it wrote. */
function nft(args: readonly string[], input?: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(NFT, args, { env: {}, stdio: [input ?? 'ignore', 'pipe', 'pipe'], timeout: WITHIN_MS });
    const out: Buffer[] = [];
    let [size, said] = [0, ''];
    child.stdout?.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MOST_OUTPUT) child.kill('SIGKILL');
      else out.push(chunk);
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString('utf8')).slice(0, 500);
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(Buffer.concat(out).toString('utf8'));
      else reject(new Error(`nft ended with ${code}: ${said.split('\n', 1)[0]}`));
    });
  });
}

export const applyRules = async (commands: readonly unknown[]): Promise<void> => {
  const input = fileOf(JSON.stringify({ nftables: commands }));
  try {
    await nft(['-j', '-f', '-'], input);
  } finally {
    closeSync(input);
  }
};

/** Undefined when there is no such table. */
export async function listTable(): Promise<string | undefined> {
  try {
    return await nft(['-j', 'list', 'table', 'inet', 'valtronics']);
  } catch (error) {
    if (error instanceof Error && /No such file or directory/.test(error.message)) return undefined;
    throw error;
  }
}
