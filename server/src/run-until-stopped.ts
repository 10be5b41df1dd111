import { startupFault } from './startup-fault.ts';

export interface Program {
  /** Aborted by SIGTERM or SIGINT. */
  readonly signal: AbortSignal;
  /** What has to be ended, last opened first, however the program ends. */
  onStop(stop: () => Promise<void> | void): void;
}

const STOP_WITHIN_MS = 25_000;

/**
 * Runs a server until SIGTERM or SIGINT. From the first moment on, whatever was opened is closed again: a signal or a fault in the
 * middle of the start must not leave a database behind. A fault is one line on standard error and exit code 1.
 */
export async function runUntilStopped(start: (program: Program) => Promise<void>): Promise<never> {
  const stops: (() => Promise<void> | void)[] = [];
  const stopping = new AbortController();
  const signalled = new Promise<void>((resolve) => {
    // A second signal must not interrupt what the first is bringing to safety.
    const stop = (): void => {
      stopping.abort();
      resolve();
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  });
  stopping.signal.addEventListener('abort', () => setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref());

  const faults: unknown[] = [];
  try {
    await start({ signal: stopping.signal, onStop: (stop) => stops.push(stop) });
    await signalled;
  } catch (error) {
    // What breaks because we are stopping is no fault.
    if (!stopping.signal.aborted) faults.push(error);
  }
  for (const stop of stops.toReversed()) {
    try {
      await stop();
    } catch (error) {
      faults.push(error);
    }
  }
  // Last, so that it does not drown in what the parts log while they end.
  for (const fault of faults) process.stderr.write(`valtronics: ${startupFault(fault)}\n`);
  process.exit(faults.length === 0 ? 0 : 1);
}
