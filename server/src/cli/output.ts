export interface Stream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** Where a command speaks: its result on standard output, everything on the way to it on standard error. */
export interface Output {
  readonly isJson: boolean;
  /** Where progress is shown. */
  readonly terminal: Stream;
  /** Said once, at the end: the document with `--json`, the text without. */
  result(document: unknown, text: string): void;
}

export function createOutput(options: {
  readonly isJson: boolean;
  readonly out: Stream;
  readonly err: Stream;
}): Output {
  return {
    isJson: options.isJson,
    terminal: options.err,
    result(document, text) {
      options.out.write(options.isJson ? `${JSON.stringify(document, null, 2)}\n` : `${text}\n`);
    },
  };
}
