/**
 * The fleet in force, read again when its files change.
 *
 * INVARIANTS: a broken edit leaves the last good fleet in force, and its problems are there to be asked for. Readings never
 * overlap: a change during one leads to one more. The same content is the same `Fleet` object. Editors that replace a file by
 * renaming are seen, because folders are watched, not files; a slow poll finds what the system's watch misses. Only what belongs
 * to a fleet is watched: its directory may hold a busy `.lab/` and a large `node_modules/`, too.
 */
import { type FSWatcher, watch } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, ProblemView, Timer } from '@lab/sdk';
import type { Fleet } from '@lab/sdk/model/fleet';
import { type LoadOptions, loadFleet } from './load.ts';
import { type Problem, position } from './problem.ts';

export interface FleetOutcome {
  /** The fleet that was read, where it is good. */
  readonly fleet?: Fleet | undefined;
  /** What was found, warnings too. */
  readonly problems: readonly ProblemView[];
}

export interface FleetSourceArgs {
  readonly dir: string;
  readonly clock: Clock;
  readonly options?: LoadOptions;
  /** An editor writes several files at once. */
  readonly debounceMs?: number;
  readonly pollMs?: number;
}

/** What a fleet consists of; all else in its directory is somebody else's. */
const FOLDERS: ReadonlySet<string> = new Set(['inventory', 'hosts', 'services']);
const PARTS: ReadonlySet<string> = new Set(['lab.yaml', ...FOLDERS]);
/** Looking at every file may take one part in so many of the time. */
const POLL_SHARE = 200;

export class FleetSource {
  readonly dir: string;
  readonly #clock: Clock;
  readonly #options: LoadOptions;
  readonly #debounceMs: number;
  readonly #pollMs: number;
  readonly #listeners = new Set<(outcome: FleetOutcome) => void>();
  #fleet: Fleet | undefined;
  #problems: readonly ProblemView[] = [];
  #reading: Promise<FleetOutcome> | undefined;
  #again: Promise<FleetOutcome> | undefined;
  readonly #watchers = new Map<string, FSWatcher>();
  #poll: Timer | undefined;
  #debounce: Timer | undefined;
  #stamp = '';
  #stopped = false;

  constructor({ dir, clock, options = {}, debounceMs = 200, pollMs = 10_000 }: FleetSourceArgs) {
    this.dir = dir;
    this.#clock = clock;
    this.#options = options;
    this.#debounceMs = debounceMs;
    this.#pollMs = pollMs;
  }

  /** The last good fleet; undefined before the first. */
  get fleet(): Fleet | undefined {
    return this.#fleet;
  }

  /** Of the last reading, which may not be in force. */
  get problems(): readonly ProblemView[] {
    return this.#problems;
  }

  /** Called after each reading that a change of the files led to. */
  onChange(listener: (outcome: FleetOutcome) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Reads the files as they are now. What is called during a reading waits for one that begins after the call. */
  reload(): Promise<FleetOutcome> {
    if (this.#reading === undefined) {
      this.#reading = this.#read().finally(() => {
        this.#reading = undefined;
      });
      return this.#reading;
    }
    this.#again ??= this.#reading
      .catch(() => undefined)
      .then(() => {
        this.#again = undefined;
        return this.reload();
      });
    return this.#again;
  }

  /** Begins to watch. Reading once before is the caller's. */
  async start(): Promise<void> {
    this.#stamp = await this.#stampNow();
    if (this.#stopped) return;
    this.#watch('', false);
    for (const part of FOLDERS) this.#watch(part, true);
    this.#pollAfter(this.#pollMs);
  }

  stop(): void {
    this.#stopped = true;
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#poll?.cancel();
    this.#debounce?.cancel();
  }

  async #read(): Promise<FleetOutcome> {
    const { fleet, problems } = await loadFleet(this.dir, this.#options);
    this.#problems = problems.map(viewOf);
    if (fleet === undefined) return { problems: this.#problems };
    if (this.#fleet?.revision !== fleet.revision) this.#fleet = fleet;
    return { fleet: this.#fleet, problems: this.#problems };
  }

  #watch(part: string, recursive: boolean): void {
    this.#watchers.get(part)?.close();
    this.#watchers.delete(part);
    try {
      const watcher = watch(join(this.dir, part), { recursive, persistent: false }, (_, name) => {
        if (part !== '') this.#soon();
        else if (name === null || PARTS.has(name)) {
          // A folder that was made or replaced is another one than was watched.
          if (name !== null && FOLDERS.has(name)) this.#watch(name, true);
          this.#soon();
        }
      });
      watcher.on('error', () => watcher.close());
      this.#watchers.set(part, watcher);
    } catch {
      // Not there, or the system refuses: the poll finds what changes.
    }
  }

  #pollAfter(ms: number): void {
    this.#poll = this.#clock.after(ms, () => void this.#compare());
  }

  async #compare(): Promise<void> {
    const from = this.#clock.monotonic();
    const stamp = await this.#stampNow();
    if (this.#stopped) return;
    if (stamp !== this.#stamp && this.#debounce === undefined) this.#soon();
    this.#pollAfter(Math.max(this.#pollMs, (this.#clock.monotonic() - from) * POLL_SHARE));
  }

  #soon(): void {
    if (this.#stopped) return;
    this.#debounce?.cancel();
    this.#debounce = this.#clock.after(this.#debounceMs, () => {
      this.#debounce = undefined;
      void this.#changed();
    });
  }

  async #changed(): Promise<void> {
    const stamp = await this.#stampNow();
    if (stamp === this.#stamp || this.#stopped) return;
    this.#stamp = stamp;
    const outcome = await this.reload().catch((cause: unknown): FleetOutcome => ({ problems: [unread(cause)] }));
    if (!this.#stopped) for (const listener of this.#listeners) listener(outcome);
  }

  /** Names, sizes and times of everything that belongs to the fleet. */
  async #stampNow(): Promise<string> {
    const lines: string[] = [];
    for (const part of PARTS) await stampOf(join(this.dir, part), lines, 0);
    return lines.join('\n');
  }
}

export function viewOf(problem: Problem): ProblemView {
  const { message, severity, excerpt } = problem;
  return { at: position(problem), message, severity, ...(excerpt === undefined ? {} : { excerpt }) };
}

function unread(cause: unknown): ProblemView {
  return { at: '.', message: `the files could not be read: ${String(cause)}`, severity: 'error' };
}

const DEEPEST = 40;

async function stampOf(path: string, lines: string[], depth: number): Promise<void> {
  const status = await stat(path).catch(() => undefined);
  if (status === undefined || depth > DEEPEST) return;
  if (!status.isDirectory()) {
    lines.push(`${path} ${status.size} ${status.mtimeMs} ${status.ino} ${status.mode}`);
    return;
  }
  const names = await readdir(path).catch(() => []);
  for (const name of names.sort()) if (name !== '.git') await stampOf(join(path, name), lines, depth + 1);
}
