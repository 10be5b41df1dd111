const TITLE_WIDTH = 12;
const DETAIL_WIDTH = 54;
const REDRAW_MS = 100;

export interface Terminal {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** Shows how far a long step is, where somebody watches. */
export type StepProgress = (share: number, text: string) => void;

export interface StartReport {
  /** Does one step of the start and prints one line about it with its time. The work answers with the words for that line. */
  step(title: string, work: (progress: StepProgress) => Promise<string>): Promise<void>;
}

export function createStartReport(terminal: Terminal, now: () => number = () => performance.now()): StartReport {
  const redraw = (line: string): unknown => terminal.write(`\r\u001b[2K${line}`);
  return {
    async step(title, work) {
      const started = now();
      const label = `  ${title.padEnd(TITLE_WIDTH)}`;
      let drawnAt = Number.NEGATIVE_INFINITY;
      const progress: StepProgress = (share, text) => {
        if (!terminal.isTTY || now() - drawnAt < REDRAW_MS) return;
        drawnAt = now();
        redraw(`${label}${bar(share, (terminal.columns ?? 80) - label.length - text.length - 3)} ${text}`);
      };
      if (terminal.isTTY) redraw(`${label}…`);
      try {
        const detail = await work(progress);
        const seconds = `${((now() - started) / 1000).toFixed(1)} s`.padStart(8);
        if (terminal.isTTY) redraw('');
        terminal.write(`${label}${detail.padEnd(DETAIL_WIDTH)}${seconds}\n`);
      } catch (error) {
        // The fault gets a line of its own.
        if (terminal.isTTY) redraw('');
        throw error;
      }
    },
  };
}

function bar(share: number, room: number): string {
  const width = Math.max(5, Math.min(24, room));
  const full = Math.round(Math.min(1, Math.max(0, share)) * width);
  return `${'█'.repeat(full)}${'·'.repeat(width - full)}`;
}
