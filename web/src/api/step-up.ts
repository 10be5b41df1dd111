import { useSyncExternalStore } from 'react';
import type { ProblemError } from './problem-error.ts';

interface Asking {
  readonly answer: Promise<boolean>;
  settle(proven: boolean): void;
}

let asking: Asking | null = null;
let provenAt = Number.NEGATIVE_INFINITY;
const listeners = new Set<() => void>();

function become(next: Asking | null) {
  asking = next;
  for (const listener of listeners) listener();
}

/** Resolves to whether the person proved who they are. Whoever waits at the same time waits for the same dialog. */
function askForProof(): Promise<boolean> {
  if (asking) return asking.answer;
  // With nothing on the page that could ask, waiting would never end.
  if (listeners.size === 0) return Promise.resolve(false);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  become({ answer: promise, settle: resolve });
  return promise;
}

/** A fresh proof gave the browser a new cookie, too: what was on its way with the old one is refused and may be sent again. */
export function noteProof() {
  provenAt = performance.now();
}

/** Whether a call that began then (`performance.now()`) and was refused should be sent once more; may ask the person first. */
export async function mayRepeat({ code }: ProblemError, beganAt: number): Promise<boolean> {
  if (code !== 'step_up_required' && code !== 'not_authenticated') return false;
  if (provenAt > beganAt) return true;
  return code === 'step_up_required' && askForProof();
}

export function answerProof(proven: boolean) {
  const waiting = asking;
  become(null);
  waiting?.settle(proven);
}

const listen = (listener: () => void) => {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) answerProof(false);
  };
};

/** For the one dialog that asks. */
export const useProofAsked = () => useSyncExternalStore(listen, () => asking !== null);
