/**
 * The system's clock: the one place that reads the time and sets timers.
 *
 * INVARIANTS: timers keep the process alive until they are cancelled; what a timer's callback throws goes to `onError` and never
 * past it; a wait longer than a Node timer can hold (24.8 days) is made of shorter ones.
 */
import type { Clock, Timer } from '@lab/sdk/clock';

const LONGEST_MS = 2 ** 31 - 1;

export class SystemClock implements Clock {
  readonly #onError: (cause: unknown) => void;

  constructor(onError: (cause: unknown) => void) {
    this.#onError = onError;
  }

  now(): number {
    return Date.now();
  }

  monotonic(): number {
    return performance.now();
  }

  after(ms: number, run: () => void): Timer {
    let timer: NodeJS.Timeout;
    const wait = (leftMs: number): void => {
      timer =
        leftMs > LONGEST_MS
          ? setTimeout(() => wait(leftMs - LONGEST_MS), LONGEST_MS)
          : setTimeout(() => this.#run(run), Math.max(0, leftMs));
    };
    wait(ms);
    return { cancel: () => clearTimeout(timer) };
  }

  every(ms: number, run: () => void): Timer {
    const timer = setInterval(() => this.#run(run), Math.min(Math.max(1, ms), LONGEST_MS));
    return { cancel: () => clearInterval(timer) };
  }

  #run(run: () => void): void {
    try {
      run();
    } catch (cause) {
      this.#onError(cause);
    }
  }
}
