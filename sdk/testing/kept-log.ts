/** A log that keeps its lines for a test to look at, and prints nothing. */
import type { Log } from '../src/log.ts';

export interface KeptLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export class KeptLog implements Log {
  readonly lines: KeptLine[];
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(lines: KeptLine[] = [], fields: Readonly<Record<string, unknown>> = {}) {
    this.lines = lines;
    this.#fields = fields;
  }

  debug(message: string, fields = {}): void {
    this.#keep('debug', message, fields);
  }

  info(message: string, fields = {}): void {
    this.#keep('info', message, fields);
  }

  warn(message: string, fields = {}): void {
    this.#keep('warn', message, fields);
  }

  error(message: string, fields = {}): void {
    this.#keep('error', message, fields);
  }

  with(fields: Readonly<Record<string, unknown>>): Log {
    return new KeptLog(this.lines, { ...this.#fields, ...fields });
  }

  #keep(level: KeptLine['level'], message: string, fields: Readonly<Record<string, unknown>>): void {
    this.lines.push({ level, message, fields: { ...this.#fields, ...fields } });
  }
}
