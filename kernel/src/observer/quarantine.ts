/**
 * What could not be read, kept for a person to look at: `quarantine/<time>-<name>`, and beside it the reason.
 *
 * INVARIANTS: it never throws (a bad file must not become a second fault); it is bounded in count and bytes, the oldest go first;
 * nothing that a stranger wrote becomes a path.
 */
import { basename, join } from 'node:path';
import { type Clock, instant, type Log, messageOf } from '@lab/sdk';
import type { Disk } from '../disk/disk.ts';

export interface QuarantineOptions {
  readonly disk: Disk;
  readonly dir: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly maxFiles?: number;
  readonly maxBytes?: number;
}

const REASON = '.reason';
/** What is kept of one thing that is handed over as bytes. */
const KEPT_BYTES = 1024 * 1024;

export class Quarantine {
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #maxFiles: number;
  readonly #maxBytes: number;
  /** Name to bytes, oldest first; undefined until it was looked at. */
  #held: Map<string, number> | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #count = 0;

  constructor(options: QuarantineOptions) {
    this.#disk = options.disk;
    this.#dir = options.dir;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#maxFiles = options.maxFiles ?? 1000;
    this.#maxBytes = options.maxBytes ?? 256 * 1024 * 1024;
  }

  /** Keeps `content` (its first megabyte). Resolves with where it lies, undefined where that could not be done. */
  put(name: string, content: string | Uint8Array, reason: string): Promise<string | undefined> {
    return this.#guarded(name, reason, async (path) => {
      const bytes = typeof content === 'string' ? Buffer.from(content) : content;
      await this.#disk.create(path, bytes.subarray(0, KEPT_BYTES));
      return Math.min(bytes.length, KEPT_BYTES);
    });
  }

  /** Moves the file at `path` here, whole. */
  take(path: string, reason: string): Promise<string | undefined> {
    return this.#guarded(basename(path), reason, async (to) => {
      const size = (await this.#disk.stat(path))?.size ?? 0;
      await this.#disk.move(path, to);
      return size;
    });
  }

  #guarded(name: string, reason: string, keep: (path: string) => Promise<number>): Promise<string | undefined> {
    const done = this.#turn.then(async () => {
      try {
        const held = await this.#look();
        const stamp = instant(this.#clock.now()).replace(/[:.]/g, '-');
        const file = `${stamp}-${this.#count++}-${safe(name)}`;
        const path = join(this.#dir, file);
        await this.#disk.replace(`${path}${REASON}`, `${reason}\n`);
        held.set(file, 0);
        held.set(file, await keep(path));
        await this.#bound(held);
        this.#log.warn('quarantined', { name: file, reason });
        return path;
      } catch (cause) {
        this.#log.error('could not quarantine', { name: safe(name), reason, error: messageOf(cause) });
        return undefined;
      }
    });
    this.#turn = done;
    return done;
  }

  async #look(): Promise<Map<string, number>> {
    if (this.#held !== undefined) return this.#held;
    const held = new Map<string, number>();
    for (const name of await this.#disk.list(this.#dir)) {
      if (name.endsWith(REASON)) continue;
      held.set(name, (await this.#disk.stat(join(this.#dir, name)))?.size ?? 0);
    }
    this.#held = held;
    return held;
  }

  async #bound(held: Map<string, number>): Promise<void> {
    let bytes = 0;
    for (const size of held.values()) bytes += size;
    for (const [name, size] of held) {
      if (held.size <= this.#maxFiles && bytes <= this.#maxBytes) return;
      await this.#disk.remove(join(this.#dir, name));
      await this.#disk.remove(join(this.#dir, `${name}${REASON}`));
      held.delete(name);
      bytes -= size;
    }
  }
}

function safe(name: string): string {
  return (
    name
      .replace(/[^0-9A-Za-z._@-]/g, '_')
      .replace(/^\.+/, '_')
      .slice(0, 100) || 'unnamed'
  );
}
