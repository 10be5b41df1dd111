import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Logger } from '../../platform/log/log.ts';
import { type FleetOrders, fleetWord } from './fleet-orders.ts';

export interface FleetProcess {
  /** Points the server has answered for. */
  acknowledged(): number;
  /** Ends the fleet; waits until it is gone. */
  stop(): Promise<void>;
}

const PROGRAM = fileURLToPath(new URL('./fleet-main.ts', import.meta.url));
const STOP_WITHIN_MS = 6_000;
const START_AGAIN_MS = 2_000;

/** Runs the simulated devices as a process of their own, and starts them again should they die. */
export function startFleetProcess(orders: FleetOrders, log: Logger): FleetProcess {
  let acknowledged = 0;
  let stopping = false;
  let again: NodeJS.Timeout | undefined;
  let child = start(orders);

  function start(with_: FleetOrders): ChildProcess {
    const started = spawn(process.execPath, [PROGRAM], { stdio: ['pipe', 'pipe', 'pipe'] });
    started.stdin.on('error', () => undefined); // its death is told by 'exit'
    started.stdin.write(`${JSON.stringify(with_)}\n`);
    createInterface({ input: started.stdout }).on('line', hear);
    createInterface({ input: started.stderr }).on('line', (line) => log.warn({ line: line.slice(0, 1000) }, 'fleet'));
    started.on('error', (error) => log.error({ err: error }, 'the simulated fleet could not be started'));
    started.on('exit', (code, signal) => {
      if (stopping) return;
      log.error({ code, signal }, 'the simulated fleet ended: starting it again');
      again = setTimeout(() => {
        child = start({ ...orders, sinceMs: Date.now() });
      }, START_AGAIN_MS);
    });
    return started;
  }

  function hear(line: string): void {
    const word = fleetWord.parse(JSON.parse(line));
    if (word.kind === 'progress') acknowledged = word.acknowledged;
    else log.warn({ device: word.device, problem: word.text }, 'a simulated device has trouble');
  }

  return {
    acknowledged: () => acknowledged,
    async stop() {
      stopping = true;
      clearTimeout(again);
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
      const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      const straggler = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
      child.stdin?.end();
      await gone;
      clearTimeout(straggler);
    },
  };
}
