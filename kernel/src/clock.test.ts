import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SystemClock } from './clock.ts';

describe('the system clock', () => {
  const errors: unknown[] = [];
  const clock = new SystemClock((cause) => errors.push(cause));
  beforeEach(() => {
    vi.useFakeTimers();
    errors.length = 0;
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('hands an error of a callback on and keeps an interval going', () => {
    let runs = 0;
    const timer = clock.every(10, () => {
      runs++;
      throw new Error(`run ${runs}`);
    });
    vi.advanceTimersByTime(35);
    expect(errors.map(String)).toEqual(['Error: run 1', 'Error: run 2', 'Error: run 3']);
    timer.cancel();
    vi.advanceTimersByTime(100);
    expect(runs).toBe(3);
  });

  it('waits longer than one Node timer can', () => {
    const days = 24 * 3_600_000;
    let ran = 0;
    clock.after(60 * days, () => ran++);
    const cancelled = clock.after(60 * days, () => ran++);
    vi.advanceTimersByTime(50 * days);
    expect(ran).toBe(0);
    cancelled.cancel();
    vi.advanceTimersByTime(11 * days);
    expect(ran).toBe(1);
  });

  it('has timers that hold the process', () => {
    vi.useRealTimers();
    const set = vi.spyOn(globalThis, 'setTimeout');
    const timer = clock.after(60_000, () => {});
    const result = set.mock.results[0]?.value;
    expect((result as unknown as NodeJS.Timeout).hasRef()).toBe(true);
    timer.cancel();
    set.mockRestore();
  });
});
