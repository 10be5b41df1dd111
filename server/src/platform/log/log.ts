import { format } from 'node:util';
import pino from 'pino';
import type { Clock } from '../../lib/clock.ts';
import type { LogLevel } from '../config/config.ts';
import { oneSafeLine, readableLine } from './line.ts';
import { type LogRules, loggable, loggableText } from './redaction.ts';

export type Logger = pino.Logger;

export interface LogOptions {
  readonly level: LogLevel;
  readonly clock: Clock;
  /** A file to append to; without it, standard error. */
  readonly file?: string | undefined;
  /** What is left out beside secrets. */
  readonly rules?: LogRules | undefined;
  /** For tests: receives each finished line. */
  readonly write?: ((line: string) => void) | undefined;
}

const MAX_MESSAGE_ARGUMENTS = 10;
// Ours: a caller's field of the same name is kept under another, never put in place of ours.
const RESERVED_FIELDS: ReadonlySet<string> = new Set(['time', 'level', 'msg']);

/** One JSON object a line: `time` (UTC, milliseconds), `level`, the caller's fields, `msg`. */
export function createLogger(options: LogOptions): Logger {
  const { rules } = options;
  const log = pino(
    {
      level: options.level,
      base: {},
      timestamp: () => `,"time":"${options.clock.date().toISOString()}"`,
      // Everything is already plain when pino sees it; its own reading of errors would bring back what was left out.
      serializers: { err: (error: unknown) => error },
      formatters: {
        level: (level) => ({ level }),
        log: (fields) => ownFields(fields, rules),
      },
      hooks: {
        logMethod(args, method) {
          const [first, ...rest] = args as unknown[];
          if (typeof first === 'string') return method.call(this, messageOf(first, rest, rules));
          const fields = first instanceof Error ? { err: first } : first;
          const [message, ...messageArguments] = rest;
          const text =
            typeof message === 'string' ? messageOf(message, messageArguments, rules) : errorMessage(first, rules);
          return method.call(this, fields, text);
        },
      },
    },
    destination(options),
  );
  // pino drops a bindings formatter for children, so they are cleaned at the two ways in; children inherit these methods.
  const { child, setBindings } = log;
  return Object.assign(log, {
    child<Levels extends string = never>(
      this: Logger,
      bindings: pino.Bindings,
      options?: pino.ChildLoggerOptions<Levels>,
    ) {
      return child.call(this, ownFields(bindings, rules), options) as pino.Logger<Levels>;
    },
    setBindings(this: Logger, bindings: pino.Bindings) {
      setBindings.call(this, ownFields(bindings, rules));
    },
  });
}

function ownFields(fields: unknown, rules: LogRules | undefined): Record<string, unknown> {
  const plain = loggable(fields, rules);
  if (typeof plain !== 'object' || plain === null) return { value: plain };
  return Object.fromEntries(
    Object.entries(plain).map(([key, value]) => [RESERVED_FIELDS.has(key) ? `${key}_` : key, value]),
  );
}

function messageOf(template: string, values: readonly unknown[], rules: LogRules | undefined): string {
  const text = loggableText(template, rules);
  if (values.length === 0) return text;
  const shown = values.slice(0, MAX_MESSAGE_ARGUMENTS).map((value) => loggable(value, rules));
  return loggableText(format(text, ...shown), rules);
}

function errorMessage(value: unknown, rules: LogRules | undefined): string | undefined {
  return value instanceof Error ? loggableText(value.message, rules) : undefined;
}

function destination(options: LogOptions): pino.DestinationStream {
  const { write, file } = options;
  if (write !== undefined) return { write: (line) => write(oneSafeLine(line)) };
  // Synchronous: the last lines before a crash are the ones that explain it.
  const output =
    file === undefined
      ? pino.destination({ fd: 2, sync: true })
      : pino.destination({ dest: file, mkdir: true, mode: 0o600, sync: true });
  // A reader of the log that goes away must not take the server with it.
  output.on('error', () => undefined);
  const finish = file === undefined && process.stderr.isTTY ? readableLine : oneSafeLine;
  return { write: (line) => output.write(finish(line)) };
}
