/** One `lab up` as a process of its own: what it printed, when it was ready, how it ended. */
import { type ChildProcess, spawn } from 'node:child_process';
import { until } from './until.ts';

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class Launched {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  out = '';
  err = '';
  #over: Ended | undefined;
  readonly #child: ChildProcess;

  constructor(argv: readonly string[], env: NodeJS.ProcessEnv) {
    const child = spawn(process.execPath, [...argv], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.pid = child.pid ?? -1;
    child.stdout.on('data', (data) => {
      this.out += data;
    });
    child.stderr.on('data', (data) => {
      this.err += data;
    });
    this.ended = new Promise((resolve) =>
      child.once('close', (code, signal) => {
        this.#over = { code, signal };
        resolve(this.#over);
      }),
    );
  }

  get over(): Ended | undefined {
    return this.#over;
  }

  /** Resolves with the address after `ready`; rejects with everything it said where it ends first. */
  async ready(timeoutMs = 40_000): Promise<string> {
    return until(
      `ready, after:\n${this.err}`,
      () => {
        if (this.#over !== undefined) return `ended ${JSON.stringify(this.#over)}`;
        return /^ready (\S+)$/m.exec(this.out)?.[1];
      },
      timeoutMs,
    ).then((answer) => {
      if (answer.startsWith('ended')) throw new Error(`lab up ${answer}:\n${this.out}${this.err}`);
      return answer;
    });
  }

  /** A line on stderr. */
  said(words: string | RegExp, timeoutMs?: number): Promise<string> {
    const has = (line: string): boolean => (typeof words === 'string' ? line.includes(words) : words.test(line));
    return until(`"${words}" among what lab up says`, () => this.err.split('\n').find(has), timeoutMs);
  }

  /** Ctrl-C, as it reaches the process; resolves when it has ended. */
  async interrupt(): Promise<Ended> {
    this.#child.kill('SIGINT');
    return this.ended;
  }

  async kill9(): Promise<Ended> {
    this.#child.kill('SIGKILL');
    return this.ended;
  }
}
