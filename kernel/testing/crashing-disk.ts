/**
 * A disk under a process that dies at its n-th durable act: before it, or right after it. In a test within one process everything
 * rejects from then on, as nothing happens in a dead process; in a real one `crash` kills it.
 */
import { LabError } from '@lab/sdk';
import type { AppendFile, Disk, FileStat, WriteOptions } from '../src/disk/disk.ts';

export interface CrashPlan {
  /** The act at which it dies, from 1; undefined: never, only counted. */
  readonly at?: number;
  readonly when?: 'before' | 'after';
  /** Called once, at that moment. */
  readonly crash?: () => void;
}

export class CrashingDisk implements Disk {
  readonly #inner: Disk;
  readonly #plan: CrashPlan;
  /** What was done so far: `sync /a/b.jsonl`. */
  readonly acts: string[] = [];
  #dead = false;

  constructor(inner: Disk, plan: CrashPlan = {}) {
    this.#inner = inner;
    this.#plan = plan;
  }

  get dead(): boolean {
    return this.#dead;
  }

  async append(path: string, options?: WriteOptions): Promise<AppendFile> {
    const file = await this.#act(`open ${path}`, () => this.#inner.append(path, options));
    return {
      get size() {
        return file.size;
      },
      append: (data) => this.#act(`append ${path}`, () => file.append(data)),
      sync: () => this.#act(`sync ${path}`, () => file.sync()),
      close: () => file.close(),
    };
  }

  async read(path: string, limit?: number): Promise<Uint8Array | undefined> {
    this.#alive();
    return this.#inner.read(path, limit);
  }

  async *stream(path: string, from?: number): AsyncIterable<Uint8Array> {
    for await (const piece of this.#inner.stream(path, from)) {
      this.#alive();
      yield piece;
    }
  }

  async stat(path: string): Promise<FileStat | undefined> {
    this.#alive();
    return this.#inner.stat(path);
  }

  async list(dir: string): Promise<readonly string[]> {
    this.#alive();
    return this.#inner.list(dir);
  }

  makeDir(path: string): Promise<void> {
    return this.#act(`make ${path}`, () => this.#inner.makeDir(path));
  }

  replace(path: string, data: string | Uint8Array, options?: WriteOptions): Promise<void> {
    return this.#act(`replace ${path}`, () => this.#inner.replace(path, data, options));
  }

  create(path: string, data: string | Uint8Array, options?: WriteOptions): Promise<void> {
    return this.#act(`create ${path}`, () => this.#inner.create(path, data, options));
  }

  move(from: string, to: string): Promise<void> {
    return this.#act(`move ${from} ${to}`, () => this.#inner.move(from, to));
  }

  remove(path: string): Promise<void> {
    return this.#act(`remove ${path}`, () => this.#inner.remove(path));
  }

  truncate(path: string, size: number): Promise<void> {
    return this.#act(`truncate ${path}`, () => this.#inner.truncate(path, size));
  }

  async #act<T>(name: string, act: () => Promise<T>): Promise<T> {
    this.#alive();
    this.acts.push(name);
    const due = this.acts.length === this.#plan.at;
    if (due && this.#plan.when !== 'after') this.#die();
    const result = await act();
    if (due) this.#die();
    this.#alive();
    return result;
  }

  #die(): never {
    this.#dead = true;
    this.#plan.crash?.();
    return this.#alive() as never;
  }

  #alive(): void {
    if (this.#dead) throw new LabError('disk', 'this process is dead');
  }
}
