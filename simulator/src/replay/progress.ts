import type { BadLine } from './record.ts';

export interface ReplayProgress {
  /** 0–1 of the file's bytes. */
  readonly share: number;
  /** Lines read, the header included. */
  readonly lines: number;
  /** Points handed to the line. */
  readonly points: number;
  readonly acknowledged: number;
  readonly badLines: number;
  readonly linesPerSecond: number;
  readonly remainingSeconds: number | null;
}

export interface ReplaySummary {
  readonly lines: number;
  /** Points handed to the server. */
  readonly sent: number;
  /** Points the server has answered for. */
  readonly acknowledged: number;
  /** Of those acknowledged: not stored, by the server's own report. */
  readonly rejected: number;
  /** Points given up: only when the replay was stopped or the server refused the device. */
  readonly dropped: number;
  readonly badLines: number;
  /** The first hundred of them. */
  readonly firstBadLines: readonly BadLine[];
  readonly devices: number;
  readonly seconds: number;
}

/** The summary as a person reads it at the end. */
export function describeReplay(summary: ReplaySummary): string {
  const { sent, acknowledged, rejected, dropped, badLines, firstBadLines, seconds } = summary;
  const figures = [
    `${sent} points sent`,
    `${acknowledged} acknowledged`,
    ...(rejected > 0 ? [`${rejected} not stored`] : []),
    ...(dropped > 0 ? [`${dropped} given up`] : []),
    `${badLines} bad lines`,
  ];
  const shown = firstBadLines.slice(0, 10).map(({ line, reason }) => `  line ${line}: ${reason}`);
  const more = badLines > shown.length ? [`  … and ${badLines - shown.length} more`] : [];
  return [`${figures.join(', ')} in ${seconds.toFixed(1)} s`, ...shown, ...more].join('\n');
}
