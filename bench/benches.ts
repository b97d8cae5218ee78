/** Every bench by its name. Each runs in a process of its own, so that none finds the heap that another left. */
import type { Asked, BenchResult } from './result.ts';

type Bench = (asked: Asked) => Promise<BenchResult[]>;

export const BENCHES: Readonly<Record<string, () => Promise<Bench>>> = {
  status: async () => (await import('./status.ts')).status,
  start: async () => (await import('./start.ts')).secondStart,
  heal: async () => (await import('./heal.ts')).heal,
  memory: async () => (await import('./memory.ts')).memory,
  plan: async () => (await import('./plan.ts')).planning,
  targeting: async () => (await import('./targeting.ts')).targeting,
  journal: async () => (await import('./journal.ts')).journalBench,
  replay: async () => (await import('./replay.ts')).replaying,
  'first-start': async () => (await import('./first-start.ts')).firstStart,
};

/** These need the network, or much time: only when they are named, or with `--full`. */
export const ONLY_FULL: ReadonlySet<string> = new Set(['first-start']);
