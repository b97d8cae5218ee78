/**
 * The clock that one life of a plugin gets: its timers run behind the door, what they throw degrades it, and those that it
 * forgot are counted and cancelled when that life ends.
 */
import type { Clock, Timer } from '@lab/sdk';
import { enter, type Mark, type Tenant } from './door.ts';

export class PluginClock implements Clock {
  readonly #clock: Clock;
  readonly #tenant: Tenant;
  readonly #mark: Mark;
  readonly #waiting = new Set<Timer>();
  #ended = false;

  constructor(clock: Clock, tenant: Tenant, mark: Mark) {
    this.#clock = clock;
    this.#tenant = tenant;
    this.#mark = mark;
  }

  now(): number {
    return this.#clock.now();
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  after(ms: number, run: () => void): Timer {
    return this.#add((fire) => this.#clock.after(ms, fire), run, true);
  }

  every(ms: number, run: () => void): Timer {
    return this.#add((fire) => this.#clock.every(ms, fire), run, false);
  }

  /** Cancels what still waits and says how many that were. Timers set from now on never fire. */
  end(): number {
    this.#ended = true;
    const left = this.#waiting.size;
    for (const timer of this.#waiting) timer.cancel();
    this.#waiting.clear();
    return left;
  }

  #add(set: (fire: () => void) => Timer, run: () => void, once: boolean): Timer {
    if (this.#ended) return { cancel: () => {} };
    const timer = set(() => {
      if (once) this.#waiting.delete(timer);
      try {
        enter(this.#tenant, this.#mark, run);
      } catch (cause) {
        this.#tenant.failed('a timer', cause);
      }
    });
    this.#waiting.add(timer);
    return {
      cancel: () => {
        this.#waiting.delete(timer);
        timer.cancel();
      },
    };
  }
}
