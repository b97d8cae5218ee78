/**
 * The disk port over system calls: what each promise of durability costs, in the order that makes it true.
 *
 * INVARIANTS: a new file or folder is durable under its name before anything is said of it; a name that a process which died may
 * have made without syncing is synced when it is first used again; a file is never rewritten in place. What is written aside
 * is called `.<name>.<n>.aside`, is never listed, and is overwritten by a later life.
 *
 * `move` of a file links and then unlinks: a power cut in between leaves both names, never none, and nothing is overwritten.
 */
import { basename, dirname, join } from 'node:path';
import { LabError, systemCode } from '@lab/sdk';
import type { AppendFile, Disk, FileStat, WriteOptions } from './disk.ts';
import { absent, attempt, taken } from './disk-errors.ts';
import { bytesOf, SequencedFile, writeAll } from './sequenced-file.ts';
import type { ReadFile, SystemCalls } from './system-calls.ts';

const MODE = 0o644;
const PIECE_BYTES = 512 * 1024;
const ASIDE = /^\..*\.\d+\.aside$/;

export class SequencedDisk implements Disk {
  readonly #calls: SystemCalls;
  /** Folders whose own entry is known to be durable. */
  readonly #durable = new Set<string>();
  #asides = 0;

  constructor(calls: SystemCalls) {
    this.#calls = calls;
  }

  append(path: string, options: WriteOptions = {}): Promise<AppendFile> {
    return attempt('append to', path, async () => {
      await this.makeDir(dirname(path));
      const file = await this.#calls.openAppend(path, options.mode ?? MODE);
      try {
        await this.#calls.syncDir(dirname(path));
        return new SequencedFile(path, file, await file.size());
      } catch (cause) {
        await file.close().catch(() => undefined);
        throw cause;
      }
    });
  }

  read(path: string, limit = Number.POSITIVE_INFINITY): Promise<Uint8Array | undefined> {
    return attempt('read', path, async () => {
      const pieces: Uint8Array[] = [];
      let size = 0;
      const file = await this.#openRead(path);
      if (file === undefined) return undefined;
      try {
        for (;;) {
          const piece = await file.read(size, PIECE_BYTES);
          if (piece.length === 0) return Buffer.concat(pieces);
          size += piece.length;
          if (size > limit) throw new LabError('too_large', `${path} is over ${limit} bytes`, { at: path });
          pieces.push(piece);
        }
      } finally {
        await file.close();
      }
    });
  }

  async *stream(path: string, from = 0): AsyncGenerator<Uint8Array> {
    const file = await attempt('read', path, () => this.#openRead(path));
    if (file === undefined) return;
    try {
      for (let offset = from; ; ) {
        const piece = await attempt('read', path, () => file.read(offset, PIECE_BYTES));
        if (piece.length === 0) return;
        offset += piece.length;
        yield piece;
      }
    } finally {
      await file.close();
    }
  }

  stat(path: string): Promise<FileStat | undefined> {
    return attempt('look at', path, () => absent(this.#calls.stat(path), undefined));
  }

  list(dir: string): Promise<readonly string[]> {
    return attempt('list', dir, async () => {
      const names = await absent(this.#calls.list(dir), []);
      return names.filter((name) => !ASIDE.test(name)).sort();
    });
  }

  makeDir(path: string): Promise<void> {
    return attempt('make', path, () => this.#makeDir(path));
  }

  replace(path: string, data: string | Uint8Array, options: WriteOptions = {}): Promise<void> {
    return attempt('write', path, () =>
      this.#aside(path, data, options, async (aside) => {
        await this.#calls.rename(aside, path);
        await this.#calls.syncDir(dirname(path));
      }),
    );
  }

  create(path: string, data: string | Uint8Array, options: WriteOptions = {}): Promise<void> {
    return attempt('write', path, () =>
      this.#aside(path, data, options, async (aside) => {
        await this.#link(aside, path);
        await this.#calls.syncDir(dirname(path));
        await this.#calls.unlink(aside).catch(() => undefined);
      }),
    );
  }

  move(from: string, to: string): Promise<void> {
    return attempt('move', from, async () => {
      await this.#makeDir(dirname(to));
      const stat = await this.#calls.stat(from);
      if (stat.directory) {
        if (await absent(this.#calls.stat(to), undefined)) throw taken(to);
        await this.#calls.rename(from, to);
        this.#forget(from);
        await this.#calls.syncDir(dirname(to));
      } else {
        await this.#link(from, to);
        await this.#calls.syncDir(dirname(to));
        await this.#calls.unlink(from);
      }
      await this.#calls.syncDir(dirname(from));
    });
  }

  remove(path: string): Promise<void> {
    return attempt('remove', path, async () => {
      if (!(await this.#erase(path))) return;
      this.#forget(path);
      await this.#calls.syncDir(dirname(path));
    });
  }

  truncate(path: string, size: number): Promise<void> {
    return attempt('cut', path, async () => {
      if ((await this.#calls.stat(path)).size < size) throw new Error(`it has less than ${size} bytes`);
      const file = await this.#calls.openAppend(path, MODE);
      try {
        await file.truncate(size);
        await file.sync();
      } finally {
        await file.close();
      }
    });
  }

  async #openRead(path: string): Promise<ReadFile | undefined> {
    return absent(this.#calls.openRead(path), undefined);
  }

  /** Of the folders that are there, only the deepest can be one that an earlier life made and did not sync. */
  async #makeDir(path: string): Promise<void> {
    if (this.#durable.has(path)) return;
    const parent = dirname(path);
    if (parent === path) return;
    const found = await absent(this.#calls.stat(path), undefined);
    if (found === undefined) {
      await this.#makeDir(parent);
      await this.#calls.mkdir(path).catch((cause: unknown) => {
        if (systemCode(cause) !== 'EEXIST') throw cause;
      });
    }
    await this.#calls.syncDir(parent).catch((cause: unknown) => {
      // A folder above the root that we may not open was not made by us.
      if (found === undefined || (systemCode(cause) !== 'EACCES' && systemCode(cause) !== 'EPERM')) throw cause;
    });
    this.#durable.add(path);
  }

  async #aside(
    path: string,
    data: string | Uint8Array,
    options: WriteOptions,
    place: (aside: string) => Promise<void>,
  ): Promise<void> {
    await this.#makeDir(dirname(path));
    const aside = join(dirname(path), `.${basename(path)}.${this.#asides++}.aside`);
    const file = await this.#calls.openFresh(aside, options.mode ?? MODE);
    try {
      try {
        await writeAll(file, bytesOf(data));
        await file.sync();
      } finally {
        await file.close();
      }
      await place(aside);
    } catch (cause) {
      await this.#calls.unlink(aside).catch(() => undefined);
      throw cause;
    }
  }

  async #link(from: string, to: string): Promise<void> {
    await this.#calls.link(from, to).catch((cause: unknown) => {
      throw systemCode(cause) === 'EEXIST' ? taken(to, cause) : cause;
    });
  }

  /** False where nothing was there. */
  async #erase(path: string): Promise<boolean> {
    try {
      await this.#calls.unlink(path);
      return true;
    } catch (cause) {
      const code = systemCode(cause);
      if (code === 'ENOENT' || code === 'ENOTDIR') return false;
      if (code !== 'EISDIR' && code !== 'EPERM') throw cause;
    }
    for (const name of await this.#calls.list(path)) await this.#erase(join(path, name));
    await this.#calls.rmdir(path);
    return true;
  }

  #forget(path: string): void {
    for (const known of this.#durable) {
      if (known === path || known.startsWith(`${path}/`)) this.#durable.delete(known);
    }
  }
}
