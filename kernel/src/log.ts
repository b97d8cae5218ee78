/**
 * What stands behind the `Log` type: JSON lines through pino for files and other programs, or short lines for people.
 * pino is loaded only when JSON is asked for. An error in the fields is written with its code, place and hint.
 *
 * It does not rotate files, and a line that cannot be written is lost rather than thrown at whoever logs.
 */
import { type Clock, instant } from '@lab/sdk/clock';
import { LabError } from '@lab/sdk/errors';
import type { Log } from '@lab/sdk/log';

export const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type Level = (typeof LEVELS)[number];
type Fields = Readonly<Record<string, unknown>>;

/** Anything with `write`: process.stderr, or a list of lines in a test. */
export interface LineSink {
  write(line: string): unknown;
}

export interface OpenLog {
  readonly log: Log;
  /** Everything logged before is written when it resolves. */
  close(): Promise<void>;
}

/** JSON lines `{level, at, msg, ...fields}` to a file that is appended to (and made, with its folders) or to a sink. */
export async function jsonLog(
  to: { readonly file: string } | LineSink,
  clock: Clock,
  level: Level = 'info',
): Promise<OpenLog> {
  const { pino } = await import('pino');
  const file = 'file' in to ? pino.destination({ dest: to.file, mkdir: true, append: true, sync: false }) : undefined;
  const sink = file ?? (to as LineSink);
  file?.on('error', () => {});
  const logger = pino(
    {
      level,
      base: null,
      timestamp: () => `,"at":"${instant(clock.now())}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line) => void sink.write(line) },
  );
  const wrap = (inner: typeof logger): Log => ({
    debug: (message, fields = {}) => inner.debug(plain(fields), message),
    info: (message, fields = {}) => inner.info(plain(fields), message),
    warn: (message, fields = {}) => inner.warn(plain(fields), message),
    error: (message, fields = {}) => inner.error(plain(fields), message),
    with: (fields) => wrap(inner.child(plain(fields))),
  });
  return { log: wrap(logger), close: () => ended(file) };
}

/** `12:03:04 warn  message  key=value`, UTC: for a terminal. */
export function readableLog(sink: LineSink, clock: Clock, level: Level = 'info'): Log {
  const lowest = LEVELS.indexOf(level);
  const make = (bound: Fields): Log => {
    const line = (at: Level, message: string, fields: Fields): void => {
      if (LEVELS.indexOf(at) < lowest) return;
      const pairs = Object.entries(plain({ ...bound, ...fields })).map(([key, value]) => `  ${key}=${shown(value)}`);
      sink.write(`${instant(clock.now()).slice(11, 19)} ${at.padEnd(5)} ${oneLine(message)}${pairs.join('')}\n`);
    };
    return {
      debug: (message, fields = {}) => line('debug', message, fields),
      info: (message, fields = {}) => line('info', message, fields),
      warn: (message, fields = {}) => line('warn', message, fields),
      error: (message, fields = {}) => line('error', message, fields),
      with: (fields) => make({ ...bound, ...fields }),
    };
  };
  return make({});
}

/** Errors do not survive JSON by themselves. */
function plain(fields: Fields): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key, value instanceof Error ? described(value) : value]),
  );
}

function described(error: Error, depth = 0): Record<string, unknown> {
  const known = error instanceof LabError;
  const { cause } = error;
  return {
    message: error.message,
    ...(known ? { code: error.code, at: error.at, hint: error.hint } : { name: error.name }),
    // A LabError says what happened by itself; of anything else the stack is all there is.
    ...(known && error.code !== 'internal' ? {} : { stack: error.stack }),
    ...(cause === undefined || depth > 3
      ? {}
      : { cause: cause instanceof Error ? described(cause, depth + 1) : String(cause) }),
  };
}

function shown(value: unknown): string {
  if (typeof value === 'string') return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
  if (typeof value === 'object' && value !== null && 'message' in value) return oneLine(JSON.stringify(value.message));
  try {
    return JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? String(inner) : inner)) ?? 'undefined';
  } catch {
    return '"(circular)"';
  }
}

function oneLine(text: string): string {
  return text.replaceAll('\r', '\\r').replaceAll('\n', '\\n');
}

async function ended(
  file: { end(): void; once(event: 'close' | 'error', done: () => void): unknown } | undefined,
): Promise<void> {
  if (file === undefined) return;
  await new Promise<void>((resolve) => {
    file.once('close', resolve);
    file.once('error', resolve);
    file.end();
  });
}
