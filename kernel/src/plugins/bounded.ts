/** A promise that somebody else's code must settle in time: the wait has an end, the work may go on unseen. */
import type { Clock } from '@lab/sdk';

/** It took longer than it may. */
export class Missed extends Error {
  constructor(limitMs: number) {
    super(`took longer than ${limitMs / 1000} s`);
    this.name = 'Missed';
  }
}

/** `deadlineMs` from now, or `graceMs` after `signal` was aborted. Neither: no limit. */
export interface Limit {
  readonly deadlineMs?: number;
  readonly after?: { readonly signal: AbortSignal; readonly graceMs: number };
}

/** What `run` gives; rejects with `Missed` past the limit, or with the reason of `ended` once that is aborted. */
export function bounded<T>(clock: Clock, run: () => T | Promise<T>, limit: Limit, ended?: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    if (ended?.aborted) return reject(ended.reason);
    const undo: (() => void)[] = [];
    const finish = (settle: () => void): void => {
      for (const step of undo.splice(0)) step();
      settle();
    };
    const missIn = (ms: number): void => {
      const timer = clock.after(ms, () => finish(() => reject(new Missed(ms))));
      undo.push(() => timer.cancel());
    };
    const { deadlineMs, after } = limit;
    if (deadlineMs !== undefined) missIn(deadlineMs);
    if (after !== undefined) undo.push(onAbort(after.signal, () => missIn(after.graceMs)));
    if (ended !== undefined) undo.push(onAbort(ended, () => finish(() => reject(ended.reason))));
    let given: T | Promise<T>;
    try {
      given = run();
    } catch (cause) {
      finish(() => reject(cause));
      return;
    }
    Promise.resolve(given).then(
      (value) => finish(() => resolve(value)),
      (cause: unknown) => finish(() => reject(cause)),
    );
  });
}

function onAbort(signal: AbortSignal, act: () => void): () => void {
  if (signal.aborted) {
    act();
    return () => {};
  }
  signal.addEventListener('abort', act, { once: true });
  return () => signal.removeEventListener('abort', act);
}
