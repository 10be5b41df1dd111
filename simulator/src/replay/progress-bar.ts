import type { ReplayProgress } from './progress.ts';

/** What the bar needs of a stream; `process.stderr` is one. */
export interface Terminal {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

const REDRAW_MS = 100;

function clock(seconds: number | null): string {
  if (seconds === null || !Number.isFinite(seconds)) return '--:--';
  const whole = Math.round(seconds);
  const minutes = String(Math.floor(whole / 60) % 60).padStart(2, '0');
  const rest = `${minutes}:${String(whole % 60).padStart(2, '0')}`;
  return whole >= 3600 ? `${Math.floor(whole / 3600)}:${rest}` : rest;
}

/** One line of at most `width` characters. */
export function drawProgress(progress: ReplayProgress, width: number): string {
  const { share, points, acknowledged, badLines, linesPerSecond, remainingSeconds } = progress;
  const figures =
    ` ${String(Math.floor(share * 100)).padStart(3)} %  ${points} points, ${acknowledged} stored` +
    `  ${Math.round(linesPerSecond)} lines/s  ${clock(remainingSeconds)} left${badLines > 0 ? `  ${badLines} bad` : ''}`;
  const room = Math.min(30, width - figures.length - 3);
  if (room < 5) return figures.trim().slice(0, Math.max(0, width - 1));
  const full = Math.round(share * room);
  return `[${'█'.repeat(full)}${'·'.repeat(room - full)}]${figures}`;
}

export interface ProgressBar {
  update(progress: ReplayProgress): void;
  /** Leaves the last state standing and goes to the next line. */
  finish(): void;
}

/** Redraws one line of a terminal at most ten times a second; silent where nobody watches. */
export function createProgressBar(terminal: Terminal, now: () => number = Date.now): ProgressBar {
  let drawnAt = Number.NEGATIVE_INFINITY;
  let latest: ReplayProgress | null = null;
  const draw = (progress: ReplayProgress) =>
    terminal.write(`\r\u001b[2K${drawProgress(progress, terminal.columns ?? 80)}`);
  return {
    update(progress) {
      if (!terminal.isTTY) return;
      latest = progress;
      if (now() - drawnAt < REDRAW_MS) return;
      drawnAt = now();
      draw(progress);
    },
    finish() {
      if (!terminal.isTTY || !latest) return;
      draw(latest);
      terminal.write('\n');
    },
  };
}
