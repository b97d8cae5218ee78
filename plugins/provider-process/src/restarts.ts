/**
 * The restart policy of one service: whether, and when. 100 ms after the first end, twice as long after each further one, at most
 * 30 s; a life that lasts begins the row anew.
 */
import type { Clock, ProcessDefinition, Timer } from '@lab/sdk';
import type { Exit } from './life.ts';

const FIRST_MS = 100;
const MAX_MS = 30_000;

export class Restarts {
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #waitMs = FIRST_MS;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether one waits for its turn. */
  get waiting(): boolean {
    return this.#timer !== undefined;
  }

  later(run: () => void): void {
    this.cancel();
    this.#timer = this.#clock.after(this.#waitMs, () => {
      this.#timer = undefined;
      run();
    });
    this.#waitMs = Math.min(MAX_MS, this.#waitMs * 2);
  }

  /** It has lived long enough, or was made anew by a run. */
  reset(): void {
    this.#waitMs = FIRST_MS;
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}

/** Of an adopted one nothing is known but that it ended: that counts as a failure. */
export function wantsRestart(policy: ProcessDefinition['restart'], exit: Exit): boolean {
  return policy === 'always' || (policy === 'on-failure' && exit.exitCode !== 0);
}
