/**
 * One life of a service: a process of its own session, ours by birth or by adoption, until it ends.
 *
 * INVARIANTS: `ended` resolves once, with what is known of the end (of an adopted one that is nothing: only a parent is told).
 * A Life never signals its process.
 */
import type { ChildProcess } from 'node:child_process';
import { lives } from './proc.ts';

export interface Exit {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** Of an adopted one: only a parent is told more. */
export const UNKNOWN_EXIT: Exit = { exitCode: null, signal: null };

export class Life {
  readonly instance: string;
  readonly pid: number;
  readonly startTicks: number;
  /** On the monotonic clock. */
  readonly bornAt: number;
  readonly adopted: boolean;
  /** True while somebody ends it on purpose: then its end is no news. */
  stopping = false;
  readonly ended: Promise<Exit>;
  #exit: Exit | undefined;
  readonly #end: (exit: Exit) => void;

  constructor(instance: string, pid: number, startTicks: number, bornAt: number, child?: ChildProcess) {
    this.instance = instance;
    this.pid = pid;
    this.startTicks = startTicks;
    this.bornAt = bornAt;
    this.adopted = child === undefined;
    const { promise, resolve } = Promise.withResolvers<Exit>();
    this.ended = promise;
    this.#end = (exit) => {
      this.#exit ??= exit;
      resolve(this.#exit);
    };
    child?.once('exit', (exitCode, signal) => this.#end({ exitCode, signal }));
  }

  get exit(): Exit | undefined {
    return this.#exit;
  }

  get living(): boolean {
    return this.#exit === undefined;
  }

  /** Looks whether an adopted one still lives; of our own children Node tells us. */
  check(): void {
    if (this.adopted && this.living && !lives(this.pid, this.startTicks)) this.#end(UNKNOWN_EXIT);
  }
}
