/** The clock of this machine, for tests of things that only real processes and sockets can prove. */
import type { Clock, Timer } from '../src/clock.ts';

export class RealClock implements Clock {
  now(): number {
    return Date.now();
  }

  monotonic(): number {
    return performance.now();
  }

  after(ms: number, run: () => void): Timer {
    const timer = setTimeout(run, ms);
    return { cancel: () => clearTimeout(timer) };
  }

  every(ms: number, run: () => void): Timer {
    const timer = setInterval(run, ms);
    return { cancel: () => clearInterval(timer) };
  }
}
