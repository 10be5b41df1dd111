import type { Stream } from './output.ts';

const REDRAW_MS = 100;
const BAR_WIDTH = 30;

export interface ByteProgress {
  add(bytes: number): void;
  /** Leaves the last state standing and goes to the next line. */
  finish(): void;
}

/** Bytes done of a total that may be unknown, on one line of a terminal, at most ten times a second; silent where nobody watches. */
export function createByteProgress(
  terminal: Stream,
  totalBytes: number | undefined,
  now: () => number = () => performance.now(),
): ByteProgress {
  const startedAt = now();
  let drawnAt = Number.NEGATIVE_INFINITY;
  let done = 0;
  const draw = (): void => {
    drawnAt = now();
    // A terminal that was not told its size has 0 columns.
    const line = drawBytes({ done, totalBytes, seconds: (drawnAt - startedAt) / 1000 }, terminal.columns || 80);
    terminal.write(`\r\u001b[2K${line}`);
  };
  return {
    add(bytes) {
      done += bytes;
      if (terminal.isTTY && now() - drawnAt >= REDRAW_MS) draw();
    },
    finish() {
      if (!terminal.isTTY) return;
      draw();
      terminal.write('\n');
    },
  };
}

/** One line that is shorter than `width`. */
export function drawBytes(
  { done, totalBytes, seconds }: { done: number; totalBytes: number | undefined; seconds: number },
  width: number,
): string {
  const rate = seconds > 0 ? done / seconds : 0;
  const speed = `${inUnits(rate)}/s`;
  if (totalBytes === undefined) return `${inUnits(done)}  ${speed}`.slice(0, Math.max(0, width - 1));
  // A file that grew meanwhile is done, not over-done.
  const share = totalBytes === 0 ? 1 : Math.min(1, done / totalBytes);
  const left = rate > 0 ? clock(Math.max(0, totalBytes - done) / rate) : '--:--';
  const figures = ` ${String(Math.floor(share * 100)).padStart(3)} %  ${inUnits(done)} of ${inUnits(totalBytes)}  ${speed}  ${left} left`;
  const room = Math.min(BAR_WIDTH, width - figures.length - 3);
  if (room < 5) return figures.trim().slice(0, Math.max(0, width - 1));
  const full = Math.round(share * room);
  return `[${'█'.repeat(full)}${'·'.repeat(room - full)}]${figures}`;
}

/** Decimal units, as disks are sold and `ls --si` counts. */
export function inUnits(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

function clock(seconds: number): string {
  const whole = Math.round(seconds);
  const minutes = String(Math.floor(whole / 60) % 60).padStart(2, '0');
  const rest = `${minutes}:${String(whole % 60).padStart(2, '0')}`;
  return whole >= 3600 ? `${Math.floor(whole / 3600)}:${rest}` : rest;
}
