/** Time, injected: no code in the project reads the clock or sets a timer other than through this. */

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall clock in milliseconds since the epoch. May jump in either direction; 1970 on a machine without a clock battery. */
  now(): number;
  /** Milliseconds that only go forward; for durations and deadlines inside one process. */
  monotonic(): number;
  /** Calls `run` once after `ms`. An error in `run` is the owner's to catch. */
  after(ms: number, run: () => void): Timer;
  /** Calls `run` every `ms` until cancelled. */
  every(ms: number, run: () => void): Timer;
}

/** The instant that files, events and the API carry: RFC 3339 in UTC with milliseconds. */
export function instant(ms: number): string {
  return new Date(ms).toISOString();
}

/** Resolves after `ms`, or rejects with the signal's reason. */
export function delay(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.after(ms, () => {
      signal?.removeEventListener('abort', stop);
      resolve();
    });
    signal?.addEventListener('abort', stop, { once: true });
  });
}
