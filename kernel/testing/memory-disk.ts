/**
 * A disk in memory that knows what a power cut would take away, remembers every step, and can be full or broken.
 *
 * It is the real disk over fake system calls: a test that recovers from every prefix of `ops` crashes between the same steps that
 * the real one takes.
 */
import { basename, dirname } from 'node:path';
import type { FileStat } from '../src/disk/disk.ts';
import { SequencedDisk } from '../src/disk/sequenced-disk.ts';
import type { OpenFile, ReadFile, SystemCalls } from '../src/disk/system-calls.ts';
import { type Inode, type Keep, MemoryTree, ROOT, type Step } from './memory-tree.ts';

export interface CrashOptions {
  /** `synced` unless told. */
  readonly keep?: Keep;
}

/** The call fails with `code`; a write takes half of its bytes first. Once, at the `nth` (from 1) of its kind from now on. */
export interface Fault {
  readonly call: Step['call'];
  readonly code: 'ENOSPC' | 'EIO';
  nth: number;
}

export class MemoryDisk extends SequencedDisk {
  readonly #calls: MemoryCalls;

  constructor(tree = new MemoryTree()) {
    const calls = new MemoryCalls(tree);
    super(calls);
    this.#calls = calls;
  }

  /** Every step that changed something or made it durable. */
  get ops(): readonly Step[] {
    return this.#calls.steps;
  }

  /** What a new life finds if this one ends now. */
  crash({ keep = 'synced' }: CrashOptions = {}): MemoryDisk {
    return new MemoryDisk(this.#calls.tree.after(keep));
  }

  /** What a new life finds if this one had ended after the first `prefix` steps. */
  at(prefix: number, { keep = 'synced' }: CrashOptions = {}): MemoryDisk {
    const tree = this.#calls.start.after('all');
    for (const step of this.ops.slice(0, prefix)) tree.apply(step);
    return new MemoryDisk(tree.after(keep));
  }

  fail(fault: Fault): void {
    this.#calls.faults.push({ ...fault });
  }

  /** Bytes that fit on it; undefined: no end. */
  set capacityBytes(bytes: number | undefined) {
    this.#calls.capacityBytes = bytes;
  }

  get usedBytes(): number {
    return this.#calls.usedBytes();
  }

  /** Changes a file behind everyone's back: what a bad sector or a person does. */
  damage(path: string, change: (data: Uint8Array) => Uint8Array): void {
    const file = this.#calls.tree.file(this.#calls.find(path));
    file.data = change(Uint8Array.from(file.data));
    file.synced = file.data;
  }
}

class MemoryCalls implements SystemCalls {
  readonly start: MemoryTree;
  readonly tree: MemoryTree;
  readonly steps: Step[] = [];
  readonly faults: Fault[] = [];
  capacityBytes: number | undefined;

  constructor(tree: MemoryTree) {
    this.start = tree.after('all');
    this.tree = tree;
  }

  find(path: string): number {
    let inode = ROOT;
    for (const name of path.split('/').filter((part) => part !== '')) {
      const found = this.tree.inodes.get(inode);
      if (found === undefined || !('entries' in found)) throw systemError('ENOTDIR', path);
      const next = found.entries.get(name);
      if (next === undefined) throw systemError('ENOENT', path);
      inode = next;
    }
    return inode;
  }

  async openAppend(path: string): Promise<OpenFile> {
    return this.#handle(path, this.#found(path) ?? this.#make(path, false));
  }

  async openFresh(path: string): Promise<OpenFile> {
    const found = this.#found(path);
    if (found === undefined) return this.#handle(path, this.#make(path, false));
    this.#do({ call: 'truncate', inode: this.#fileOf(path, found), size: 0 }, path);
    return this.#handle(path, found);
  }

  async openRead(path: string): Promise<ReadFile> {
    const inode = this.#fileOf(path, this.find(path));
    return {
      read: async (offset, length) => this.tree.file(inode).data.slice(offset, offset + length),
      close: async () => undefined,
    };
  }

  async stat(path: string): Promise<FileStat> {
    const inode = this.find(path);
    const found = this.tree.inodes.get(inode) as Inode;
    return 'data' in found
      ? { size: found.data.length, mtimeMs: 0, inode, directory: false }
      : { size: 0, mtimeMs: 0, inode, directory: true };
  }

  async list(dir: string): Promise<string[]> {
    return [...this.#folderOf(dir, this.find(dir)).keys()];
  }

  async mkdir(path: string): Promise<void> {
    if (this.#found(path) !== undefined) throw systemError('EEXIST', path);
    this.#make(path, true);
  }

  async rename(from: string, to: string): Promise<void> {
    const inode = this.find(from);
    const at = { from: this.find(dirname(from)), fromName: basename(from), dir: this.find(dirname(to)) };
    const there = this.#found(to);
    if (there !== undefined && !('data' in (this.tree.inodes.get(there) as Inode))) {
      if (this.#folderOf(to, there).size > 0) throw systemError('ENOTEMPTY', to);
    }
    this.#do({ call: 'rename', ...at, name: basename(to), inode }, from);
  }

  async link(from: string, to: string): Promise<void> {
    const inode = this.#fileOf(from, this.find(from));
    if (this.#found(to) !== undefined) throw systemError('EEXIST', to);
    this.#do({ call: 'link', dir: this.find(dirname(to)), name: basename(to), inode }, to);
  }

  async unlink(path: string): Promise<void> {
    this.#fileOf(path, this.find(path));
    this.#do({ call: 'unlink', dir: this.find(dirname(path)), name: basename(path) }, path);
  }

  async rmdir(path: string): Promise<void> {
    if (this.#folderOf(path, this.find(path)).size > 0) throw systemError('ENOTEMPTY', path);
    this.#do({ call: 'unlink', dir: this.find(dirname(path)), name: basename(path) }, path);
  }

  async syncDir(path: string): Promise<void> {
    const inode = this.find(path);
    this.#folderOf(path, inode);
    this.#do({ call: 'syncdir', inode }, path);
  }

  usedBytes(): number {
    let bytes = 0;
    const seen = new Set<number>();
    const visit = (inode: number): void => {
      if (seen.has(inode)) return;
      seen.add(inode);
      const found = this.tree.inodes.get(inode) as Inode;
      if ('data' in found) bytes += found.data.length;
      else for (const child of found.entries.values()) visit(child);
    };
    visit(ROOT);
    return bytes;
  }

  #handle(path: string, inode: number): OpenFile {
    this.#fileOf(path, inode);
    return {
      write: async (data) => {
        const room = this.capacityBytes === undefined ? data.length : this.capacityBytes - this.usedBytes();
        if (data.length > room) {
          if (room > 0) this.#do({ call: 'write', inode, data: Uint8Array.from(data.subarray(0, room)) }, path);
          throw systemError('ENOSPC', path);
        }
        this.#do({ call: 'write', inode, data: Uint8Array.from(data) }, path);
        return data.length;
      },
      sync: async () => this.#do({ call: 'sync', inode }, path),
      truncate: async (size) => this.#do({ call: 'truncate', inode, size }, path),
      size: async () => this.tree.file(inode).data.length,
      close: async () => undefined,
    };
  }

  #make(path: string, folder: boolean): number {
    const inode = this.tree.next;
    this.#do({ call: 'make', dir: this.find(dirname(path)), name: basename(path), inode, folder }, path);
    return inode;
  }

  #do(step: Step, path: string): void {
    const fault = this.faults.find((each) => each.call === step.call);
    if (fault !== undefined && --fault.nth === 0) {
      this.faults.splice(this.faults.indexOf(fault), 1);
      if (step.call === 'write') this.#apply({ ...step, data: step.data.slice(0, step.data.length >> 1) });
      throw systemError(fault.code, path);
    }
    this.#apply(step);
  }

  #apply(step: Step): void {
    this.tree.apply(step);
    this.steps.push(step);
  }

  #found(path: string): number | undefined {
    try {
      return this.find(path);
    } catch (cause) {
      if ((cause as { code?: string }).code === 'ENOENT') return undefined;
      throw cause;
    }
  }

  #fileOf(path: string, inode: number): number {
    if (!('data' in (this.tree.inodes.get(inode) as Inode))) throw systemError('EISDIR', path);
    return inode;
  }

  #folderOf(path: string, inode: number): ReadonlyMap<string, number> {
    const found = this.tree.inodes.get(inode) as Inode;
    if (!('entries' in found)) throw systemError('ENOTDIR', path);
    return found.entries;
  }
}

function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
