/**
 * A machine whose power can be cut: system calls in memory that know what was synced. Every call that writes or syncs is one
 * step, and so is each `step` of a test's own; past the budget of steps everything fails until `restart`.
 */
import type { FileStat } from '@lab/kernel/disk/disk';
import { SequencedDisk } from '@lab/kernel/disk/sequenced-disk';
import type { OpenFile, ReadFile, SystemCalls } from '@lab/kernel/disk/system-calls';

interface Inode {
  readonly number: number;
  data: Buffer;
  synced: Buffer;
  changed: number;
}

interface Folder {
  now: Map<string, Inode | 'folder'>;
  synced: Map<string, Inode | 'folder'>;
}

/** `lost` what was not synced is gone · `torn` of it, half of each file is there · `kept` only the process was killed. */
export type Cut = 'lost' | 'torn' | 'kept';
export const CUTS: readonly Cut[] = ['lost', 'torn', 'kept'];

function fault(code: string): Error {
  return Object.assign(new Error(code), { code });
}

export class Machine implements SystemCalls {
  steps = 0;
  budget = Number.POSITIVE_INFINITY;
  #folders = new Map<string, Folder>([['/', { now: new Map(), synced: new Map() }]]);
  #inodes = 0;
  #ticks = 0;

  disk(): SequencedDisk {
    return new SequencedDisk(this);
  }

  /** Throws when the power is off. */
  step(): void {
    this.#alive();
    this.steps += 1;
    if (this.steps > this.budget) throw fault('EPOWER');
  }

  restart(cut: Cut): void {
    this.budget = Number.POSITIVE_INFINITY;
    if (cut === 'kept') return;
    for (const folder of this.#folders.values()) {
      if (cut === 'lost') folder.now = new Map(folder.synced);
      for (const inode of folder.now.values()) {
        if (inode === 'folder') continue;
        const torn = inode.data.length > inode.synced.length && cut === 'torn';
        const half = inode.synced.length + Math.ceil((inode.data.length - inode.synced.length) / 2);
        inode.data = torn ? inode.data.subarray(0, half) : inode.synced;
        inode.synced = inode.data;
      }
      folder.synced = new Map(folder.now);
    }
    for (const path of [...this.#folders.keys()].sort()) {
      const [above, name] = split(path);
      if (path !== '/' && this.#folders.get(above)?.now.get(name) !== 'folder') this.#folders.delete(path);
    }
  }

  #alive(): void {
    if (this.steps > this.budget) throw fault('EPOWER');
  }

  #folder(path: string): Folder {
    const folder = this.#folders.get(path);
    if (folder === undefined) throw fault('ENOENT');
    return folder;
  }

  #file(path: string): Inode | undefined {
    const [above, name] = split(path);
    const found = this.#folder(above).now.get(name);
    if (found === 'folder') throw fault('EISDIR');
    return found;
  }

  #open(path: string, fresh: boolean): OpenFile {
    this.step();
    const [above, name] = split(path);
    let inode = this.#file(path);
    if (inode === undefined) {
      inode = { number: ++this.#inodes, data: Buffer.alloc(0), synced: Buffer.alloc(0), changed: ++this.#ticks };
      this.#folder(above).now.set(name, inode);
    }
    const file = inode;
    if (fresh) file.data = Buffer.alloc(0);
    return {
      write: async (data) => {
        this.step();
        file.data = Buffer.concat([file.data, data]);
        file.changed = ++this.#ticks;
        return data.length;
      },
      sync: async () => {
        this.step();
        file.synced = file.data;
      },
      truncate: async (size) => {
        this.step();
        file.data = file.data.subarray(0, size);
      },
      size: async () => file.data.length,
      close: async () => {},
    };
  }

  async openAppend(path: string): Promise<OpenFile> {
    return this.#open(path, false);
  }

  async openFresh(path: string): Promise<OpenFile> {
    return this.#open(path, true);
  }

  async openRead(path: string): Promise<ReadFile> {
    this.#alive();
    const file = this.#file(path);
    if (file === undefined) throw fault('ENOENT');
    return {
      read: async (offset, length) => file.data.subarray(offset, offset + length),
      close: async () => {},
    };
  }

  async stat(path: string): Promise<FileStat> {
    this.#alive();
    if (this.#folders.has(path)) return { size: 0, mtimeMs: 0, inode: 0, directory: true };
    const file = this.#file(path);
    if (file === undefined) throw fault('ENOENT');
    return { size: file.data.length, mtimeMs: file.changed, inode: file.number, directory: false };
  }

  async list(dir: string): Promise<string[]> {
    this.#alive();
    return [...this.#folder(dir).now.keys()];
  }

  async mkdir(path: string): Promise<void> {
    this.step();
    const [above, name] = split(path);
    if (this.#folder(above).now.has(name)) throw fault('EEXIST');
    this.#folder(above).now.set(name, 'folder');
    this.#folders.set(path, { now: new Map(), synced: new Map() });
  }

  async rename(from: string, to: string): Promise<void> {
    this.step();
    const file = this.#file(from);
    if (file === undefined) throw fault('ENOENT');
    const [above, name] = split(to);
    this.#folder(above).now.set(name, file);
    const [fromAbove, fromName] = split(from);
    this.#folder(fromAbove).now.delete(fromName);
  }

  async link(from: string, to: string): Promise<void> {
    this.step();
    const file = this.#file(from);
    if (file === undefined) throw fault('ENOENT');
    const [above, name] = split(to);
    if (this.#folder(above).now.has(name)) throw fault('EEXIST');
    this.#folder(above).now.set(name, file);
  }

  async unlink(path: string): Promise<void> {
    this.step();
    if (this.#folders.has(path)) throw fault('EISDIR');
    const [above, name] = split(path);
    if (!this.#folder(above).now.delete(name)) throw fault('ENOENT');
  }

  async rmdir(path: string): Promise<void> {
    this.step();
    const [above, name] = split(path);
    this.#folder(above).now.delete(name);
    this.#folders.delete(path);
  }

  async syncDir(path: string): Promise<void> {
    this.step();
    const folder = this.#folder(path);
    folder.synced = new Map(folder.now);
  }
}

function split(path: string): [string, string] {
  const slash = path.lastIndexOf('/');
  return [slash === 0 ? '/' : path.slice(0, slash), path.slice(slash + 1)];
}
