/** A clock that stands still until it is told to move; timers fire in order of their time, then of their making. */
import type { Clock, Timer } from '../src/clock.ts';

interface Entry {
  due: number;
  readonly order: number;
  readonly every: number | undefined;
  readonly run: () => void;
}

export class FakeClock implements Clock {
  #wall: number;
  #passed = 0;
  #order = 0;
  readonly #timers = new Set<Entry>();

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#wall = startMs;
  }

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#passed;
  }

  after(ms: number, run: () => void): Timer {
    return this.#add(ms, undefined, run);
  }

  every(ms: number, run: () => void): Timer {
    return this.#add(ms, Math.max(1, ms), run);
  }

  /** How many timers wait: a test can assert that nothing leaked. */
  get waiting(): number {
    return this.#timers.size;
  }

  /** The wall clock jumps; no timer is due earlier or later for it. */
  jump(toMs: number): void {
    this.#wall = toMs;
  }

  /** Time passes, and what becomes due runs; between two timers the microtasks and immediates run dry. */
  async advance(ms: number): Promise<void> {
    const end = this.#passed + ms;
    for (;;) {
      await settle();
      const next = this.#next(end);
      if (next === undefined) break;
      this.#move(next.due);
      if (next.every === undefined) this.#timers.delete(next);
      else next.due += next.every;
      next.run();
    }
    this.#move(end);
    await settle();
  }

  #add(ms: number, every: number | undefined, run: () => void): Timer {
    const entry: Entry = { due: this.#passed + Math.max(0, ms), order: this.#order++, every, run };
    this.#timers.add(entry);
    return { cancel: () => void this.#timers.delete(entry) };
  }

  #next(end: number): Entry | undefined {
    let first: Entry | undefined;
    for (const entry of this.#timers) {
      if (entry.due > end) continue;
      if (first === undefined || entry.due < first.due || (entry.due === first.due && entry.order < first.order))
        first = entry;
    }
    return first;
  }

  #move(to: number): void {
    this.#wall += to - this.#passed;
    this.#passed = to;
  }
}

/** Lets everything that is ready run: promises and what they start, without any time passing. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}
