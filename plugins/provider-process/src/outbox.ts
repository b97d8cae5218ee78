/**
 * What is to be said of one service, in its order: the next fact is handed over when the one before is on disk.
 *
 * INVARIANTS: a fact that the disk refused is tried again; order is never changed. What a crash leaves unsaid is said by the
 * complete observation of the next start.
 */
import { type Clock, type Emit, type Fact, type Log, messageOf, type Timer } from '@lab/sdk';

const RETRY_MS = 1_000;
const KEPT = 64;

interface Said {
  readonly fact: Fact;
  readonly then: (() => void) | undefined;
}

export class Outbox {
  readonly #emit: Emit;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #waiting: Said[] = [];
  #busy = false;
  #retry: Timer | undefined;
  #closed = false;

  constructor(emit: Emit, clock: Clock, log: Log) {
    this.#emit = emit;
    this.#clock = clock;
    this.#log = log;
  }

  /** `then` runs once it is on disk. */
  say(fact: Fact, then?: () => void): void {
    this.#waiting.push({ fact, then });
    if (this.#waiting.length > KEPT) this.#waiting.splice(0, this.#waiting.length - KEPT);
    if (!this.#busy && this.#retry === undefined) void this.#drain();
  }

  close(): void {
    this.#closed = true;
    this.#retry?.cancel();
  }

  async #drain(): Promise<void> {
    this.#busy = true;
    this.#retry = undefined;
    while (!this.#closed) {
      const next = this.#waiting[0];
      if (next === undefined) break;
      try {
        await this.#emit(next.fact);
      } catch (cause) {
        this.#log.warn('a fact could not be said; trying again', { type: next.fact.type, reason: messageOf(cause) });
        this.#retry = this.#clock.after(RETRY_MS, () => void this.#drain());
        break;
      }
      if (this.#waiting[0] === next) this.#waiting.shift();
      next.then?.();
    }
    this.#busy = false;
  }
}
