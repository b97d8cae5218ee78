/**
 * One line of the bench: a measure of ours beside a baseline that was measured in the same run, because only their ratio says
 * something on another machine.
 */
export interface BenchResult {
  readonly name: string;
  /** Of `ours` and `baseline`: `ms`, `µs`, `MB`, `events/s`, `%`. */
  readonly unit: string;
  readonly ours: number;
  readonly baseline: number;
  /** How many times better ours is than the baseline, or, where `note` says so, how many times it costs. Null where the baseline is none. */
  readonly ratio: number | null;
  readonly note?: string;
  /** What is promised. */
  readonly bar?: Bar;
}

export interface Bar {
  readonly of: 'ours' | 'ratio';
  readonly most: number;
}

/** How a bench is asked to run. */
export interface Asked {
  /** Fewer rounds: to see that it works, not to quote. */
  readonly quick: boolean;
}

/** A cost: ratio is how many times the baseline it takes. */
export function cost(name: string, unit: string, medians: Medians, more: Pick<BenchResult, 'note' | 'bar'> = {}) {
  const { ours, baseline } = medians;
  return { name, unit, ours, baseline, ratio: baseline === 0 ? null : ours / baseline, ...more } satisfies BenchResult;
}

export interface Medians {
  readonly ours: number;
  readonly baseline: number;
}

/**
 * Runs both in turn, `rounds` times after one round that does not count, and returns the median of what each measured. They
 * change places every round, so that what the machine does meanwhile meets both.
 */
export async function interleave(
  rounds: number,
  ours: () => number | Promise<number>,
  baseline: () => number | Promise<number>,
): Promise<Medians> {
  const mine: number[] = [];
  const theirs: number[] = [];
  for (let round = -1; round < rounds; round++) {
    const order = round % 2 === 0 ? [ours, baseline] : [baseline, ours];
    for (const measure of order) {
      const figure = await measure();
      if (round >= 0) (measure === ours ? mine : theirs).push(figure);
    }
  }
  return { ours: median(mine), baseline: median(theirs) };
}

export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** The figure that `share` of all are not above: nearest rank. */
export function percentile(figures: readonly number[], share: number): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** Milliseconds that `run` takes. */
export async function timed(run: () => unknown): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}
