/**
 * For each node a counter that goes up by one whenever anything that the node is told changes, in either direction.
 *
 * INVARIANTS: a counter never goes down; the same content keeps its number. A file that cannot be read is moved aside with its
 * reason, and counting starts again from what the nodes report (`atLeast`), never below it.
 */
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { Disk } from '../disk/disk.ts';
import { readJson } from '../disk/json.ts';

export interface Counter {
  readonly generation: number;
  /** Digest of what the node is told under this number. */
  readonly hash: string;
}

const counterSchema = z.strictObject({ generation: z.int().min(0), hash: z.string() });
const fileSchema = z.strictObject({ nodes: z.record(z.string(), counterSchema) });

/** The counter for content of this hash. */
export function next(previous: Counter | undefined, hash: string): Counter {
  if (previous === undefined) return { generation: 1, hash };
  return previous.hash === hash ? previous : { generation: previous.generation + 1, hash };
}

export class Generations {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #counters: Map<string, Counter>;
  #changed = false;
  #saving: Promise<void> = Promise.resolve();

  private constructor(disk: Disk, path: string, counters: Map<string, Counter>) {
    this.#disk = disk;
    this.#path = path;
    this.#counters = counters;
  }

  /** `path` is `<root>/state/generations.json`; what cannot be read goes to `<root>/quarantine/`. */
  static async load(disk: Disk, path: string): Promise<Generations> {
    const stored = await readJson(disk, path, fileSchema, (bad, reason) => quarantine(disk, bad, reason));
    return new Generations(disk, path, new Map(Object.entries(stored?.nodes ?? {})));
  }

  get(node: string): number {
    return this.#counters.get(node)?.generation ?? 0;
  }

  /** The number under which a node is told content of this hash. Not durable until `save`. */
  raise(node: string, hash: string): number {
    const before = this.#counters.get(node);
    const after = next(before, hash);
    if (after !== before) this.#set(node, after);
    return after.generation;
  }

  /** The next `raise` of this node gives at least this number, whatever its content. */
  atLeast(node: string, generation: number): void {
    if (this.get(node) >= generation) return;
    // No content has the empty hash, and so the next raise counts one further.
    this.#set(node, { generation: generation - 1, hash: '' });
  }

  /** Resolves when everything that was raised before is durable. */
  save(): Promise<void> {
    const write = async (): Promise<void> => {
      if (!this.#changed) return;
      this.#changed = false;
      const nodes = Object.fromEntries([...this.#counters].sort(([a], [b]) => (a < b ? -1 : 1)));
      try {
        await this.#disk.replace(this.#path, `${JSON.stringify({ nodes }, null, 1)}\n`);
      } catch (cause) {
        this.#changed = true;
        throw cause;
      }
    };
    const saved = this.#saving.then(write);
    this.#saving = saved.catch(() => undefined);
    return saved;
  }

  #set(node: string, counter: Counter): void {
    this.#counters.set(node, counter);
    this.#changed = true;
  }
}

/** Moved whole and unread: it may be a folder, or of any size. */
async function quarantine(disk: Disk, path: string, reason: string): Promise<void> {
  const at = Math.floor((await disk.stat(path))?.mtimeMs ?? 0);
  const to = join(dirname(dirname(path)), 'quarantine', `generations-${at}.json`);
  await disk.replace(`${to}.reason`, `${reason}\n`);
  // One of that very instant is there already.
  await disk.move(path, to).catch(() => disk.remove(path));
}
