/**
 * Calls from the kernel into a plugin: behind the door, bounded, and judged.
 *
 * A `LabError` is an answer, the contract's way to say no: it passes and degrades nobody, unless its code is `internal`. So is a
 * rejection after the caller's own abort. Anything else is a defect: the plugin is degraded and the caller gets `plugin_failed`.
 * A missed deadline is `timeout` and degrades too. A call that was under way when its plugin's life ended is `plugin_failed`.
 */
import { type Clock, LabError, messageOf } from '@lab/sdk';
import { bounded, Missed } from './bounded.ts';
import { enter, type Mark } from './door.ts';
import type { Life, Lives, Made } from './life.ts';

export interface CallLimit {
  readonly deadlineMs?: number;
  /** The caller's own way to end it, and how long after it the plugin may take. */
  readonly signal?: AbortSignal;
  readonly graceMs?: number;
}

export class Calls {
  readonly #clock: Clock;
  readonly #mark: Mark;

  constructor(clock: Clock, mark: Mark) {
    this.#clock = clock;
    this.#mark = mark;
  }

  async call<T>(lives: Lives, what: string, run: (made: Made) => T | Promise<T>, limit: CallLimit): Promise<T> {
    const life = lives.life(what);
    const { deadlineMs, signal, graceMs } = limit;
    try {
      return await bounded(
        this.#clock,
        () => enter(life, this.#mark, () => run(life.made)),
        {
          ...(deadlineMs === undefined ? {} : { deadlineMs }),
          ...(signal === undefined || graceMs === undefined ? {} : { after: { signal, graceMs } }),
        },
        life.signal,
      );
    } catch (cause) {
      throw judged(life, what, cause, signal);
    }
  }

  now<T>(lives: Lives, what: string, run: (made: Made) => T): T {
    const life = lives.life(what);
    try {
      return enter(life, this.#mark, () => run(life.made));
    } catch (cause) {
      throw judged(life, what, cause);
    }
  }

  async *stream<T>(
    lives: Lives,
    what: string,
    run: (made: Made) => AsyncIterable<T>,
    signal?: AbortSignal,
  ): AsyncGenerator<T, void, undefined> {
    const life = lives.life(what);
    const ask = <R>(step: () => R | Promise<R>): Promise<R> =>
      bounded(this.#clock, () => enter(life, this.#mark, step), {}, life.signal);
    let lines: AsyncIterator<T> | undefined;
    try {
      const source = await ask(() => run(life.made)[Symbol.asyncIterator]());
      lines = source;
      for (;;) {
        const step = await ask(() => source.next());
        if (step.done === true) {
          lines = undefined;
          return;
        }
        yield step.value;
      }
    } catch (cause) {
      throw judged(life, what, cause, signal);
    } finally {
      // Its reader left early: the plugin's own finally runs, and is nobody's to wait for.
      if (lines !== undefined) release(lines, life, this.#mark);
    }
  }
}

function release(lines: AsyncIterator<unknown>, life: Life, mark: Mark): void {
  const failed = (cause: unknown): void => life.failed('the end of a stream', cause);
  try {
    enter(life, mark, () => lines.return?.())?.catch((cause: unknown) => {
      if (!(cause instanceof LabError)) failed(cause);
    });
  } catch (cause) {
    failed(cause);
  }
}

function judged(life: Life, what: string, cause: unknown, signal?: AbortSignal): LabError {
  if (cause === life.signal.reason)
    return new LabError('plugin_failed', `${life.id} ended during ${what}`, { at: life.id, cause });
  if (cause instanceof LabError && cause.code !== 'internal') return cause;
  if (cause instanceof Missed) {
    const error = new LabError('timeout', `${life.id}: ${what} ${cause.message}`, { at: life.id });
    life.failed(`${what} ${cause.message}`, cause);
    return error;
  }
  if (signal?.aborted === true && (cause === signal.reason || isAbort(cause)))
    return new LabError('cancelled', `${life.id}: ${what} was cancelled`, { at: life.id, cause });
  life.failed(what, cause);
  return new LabError('plugin_failed', `${life.id}: ${what} failed: ${messageOf(cause)}`, {
    at: life.id,
    hint: 'the plugin is being restarted: see lab plugins',
    cause,
  });
}

function isAbort(cause: unknown): boolean {
  return cause instanceof Error && cause.name === 'AbortError';
}
