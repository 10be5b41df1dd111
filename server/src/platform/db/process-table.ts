import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';

/**
 * When the process started, as an opaque text, or undefined if there is none (a zombie counts as none: it holds nothing).
 * A pid alone is not an identity: after a reboot or a few hours it may be somebody else's.
 */
export function processStart(pid: number): string | undefined {
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  if (process.platform === 'linux') {
    const stat = linuxStat(pid);
    return stat && stat.state !== 'Z' && stat.state !== 'X' ? `${bootId()}:${stat.startTicks}` : undefined;
  }
  const line = ps(['-o', 'stat=,lstart=', '-p', String(pid)]).trim();
  return line === '' || line.startsWith('Z') ? undefined : line.replace(/^\S+\s+/, '');
}

/**
 * The pids of all living PostgreSQL processes that work in this PGDATA, whoever started them.
 * Every PostgreSQL process keeps PGDATA as its working directory; where the system does not show that, the command line of the
 * postmaster and the cluster's name in the titles of its children tell.
 */
export function postgresProcessesIn(dataFolder: string, clusterName: string): number[] {
  if (process.platform !== 'linux')
    return parseProcessList(ps(['-axww', '-o', 'pid=,stat=,command=']), dataFolder, clusterName);
  const wanted = statSync(dataFolder, { bigint: true });
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      try {
        // Device and inode rather than the path: the same folder may have been reached through another mount.
        const folder = statSync(`/proc/${name}/cwd`, { bigint: true });
        if (folder.ino !== wanted.ino || folder.dev !== wanted.dev) return false;
        // Not somebody's shell that stands in the folder.
        return (
          /\/postgres(?: \(deleted\))?$/.test(readlinkSync(`/proc/${name}/exe`)) &&
          processStart(Number(name)) !== undefined
        );
      } catch {
        return false; // gone meanwhile, or another user's: ours are always readable to us
      }
    })
    .map(Number);
}

export function parseProcessList(list: string, dataFolder: string, clusterName: string): number[] {
  const pids: number[] = [];
  for (const line of list.split('\n')) {
    const match = /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line);
    if (!match) continue;
    const [, pid, state, command = ''] = match;
    if (state?.startsWith('Z')) continue;
    const isPostmaster = /^\S*\/postgres /.test(command) && command.includes(` -D ${dataFolder} `);
    const isChild = command.startsWith(`postgres: ${clusterName}: `);
    if (isPostmaster || isChild) pids.push(Number(pid));
  }
  return pids;
}

function linuxStat(pid: number): { state: string; startTicks: string } | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The command name in parentheses may itself hold spaces and parentheses: count from its end. Fields 3 and 22 of proc(5).
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, startTicks] = [fields[0], fields[19]];
  return state && startTicks ? { state, startTicks } : undefined;
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

function ps(args: string[]): string {
  try {
    return execFileSync('ps', args, {
      encoding: 'utf8',
      timeout: 5_000,
      maxBuffer: 16 << 20,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return ''; // ps exits 1 when the pid does not exist
  }
}
