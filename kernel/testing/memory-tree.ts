/**
 * What a disk holds, and what of it a power cut would leave: content and directory entries each have a state that is synced and one
 * that is not. Changed by steps only, so that a state is the fold of its steps.
 *
 * A rename is atomic, also across folders, as on a journalling file system; apart from that nothing is durable before it is synced,
 * and syncing a folder says nothing about the content of its files.
 */

export type Step =
  | {
      readonly call: 'make';
      readonly dir: number;
      readonly name: string;
      readonly inode: number;
      readonly folder: boolean;
    }
  | { readonly call: 'write'; readonly inode: number; readonly data: Uint8Array }
  | { readonly call: 'truncate'; readonly inode: number; readonly size: number }
  | { readonly call: 'sync'; readonly inode: number }
  | { readonly call: 'link'; readonly dir: number; readonly name: string; readonly inode: number }
  | { readonly call: 'unlink'; readonly dir: number; readonly name: string }
  | {
      readonly call: 'rename';
      readonly from: number;
      readonly fromName: string;
      readonly dir: number;
      readonly name: string;
      readonly inode: number;
    }
  | { readonly call: 'syncdir'; readonly inode: number };

type Entry = Extract<Step, { call: 'make' | 'link' | 'unlink' | 'rename' }>;

interface MemoryFile {
  data: Uint8Array;
  synced: Uint8Array;
}

interface MemoryFolder {
  readonly entries: Map<string, number>;
  readonly synced: Map<string, number>;
}

export type Inode = MemoryFile | MemoryFolder;

/** What survives: only what was synced; everything (the process was killed, the machine lives on); or a random part of the rest. */
export type Keep = 'synced' | 'all' | (() => number);

export const ROOT = 1;

export class MemoryTree {
  readonly inodes = new Map<number, Inode>([[ROOT, { entries: new Map(), synced: new Map() }]]);
  next = ROOT + 1;
  /** Changes of folders that are not durable, oldest first. */
  #pending: Entry[] = [];

  file(inode: number): MemoryFile {
    const found = this.inodes.get(inode);
    if (found === undefined || !('data' in found)) throw new Error(`inode ${inode} is no file`);
    return found;
  }

  folder(inode: number): MemoryFolder {
    const found = this.inodes.get(inode);
    if (found === undefined || !('entries' in found)) throw new Error(`inode ${inode} is no folder`);
    return found;
  }

  apply(step: Step): void {
    switch (step.call) {
      case 'write': {
        const file = this.file(step.inode);
        file.data = Buffer.concat([file.data, step.data]);
        return;
      }
      case 'truncate': {
        const file = this.file(step.inode);
        file.data = file.data.slice(0, step.size);
        return;
      }
      case 'sync': {
        const file = this.file(step.inode);
        file.synced = file.data;
        return;
      }
      case 'syncdir':
        this.#syncFolder(step.inode);
        return;
      case 'make':
        this.inodes.set(
          step.inode,
          step.folder
            ? { entries: new Map(), synced: new Map() }
            : { data: new Uint8Array(), synced: new Uint8Array() },
        );
        this.next = Math.max(this.next, step.inode + 1);
    }
    this.#enter(step, 'entries');
    this.#pending.push(step);
  }

  /** The tree that a new life finds. */
  after(keep: Keep): MemoryTree {
    const tree = new MemoryTree();
    tree.next = this.next;
    for (const [number, inode] of this.inodes) {
      tree.inodes.set(
        number,
        'data' in inode
          ? { data: keep === 'all' ? inode.data : left(inode, keep), synced: inode.synced }
          : { entries: new Map(keep === 'all' ? inode.entries : inode.synced), synced: new Map(inode.synced) },
      );
    }
    if (keep === 'all') {
      tree.#pending = [...this.#pending];
      return tree;
    }
    if (keep !== 'synced') this.#keepSome(tree, keep);
    // It was read from the platter: it is as durable as anything.
    for (const inode of tree.inodes.values()) if ('data' in inode) inode.synced = inode.data;
    return tree;
  }

  #enter(step: Entry, side: 'entries' | 'synced'): void {
    if (step.call === 'rename') this.folder(step.from)[side].delete(step.fromName);
    if (step.call === 'unlink') this.folder(step.dir)[side].delete(step.name);
    else this.folder(step.dir)[side].set(step.name, step.inode);
  }

  /** A rename carries the earlier changes of both its folders with it. */
  #syncFolder(inode: number): void {
    const folders = new Set([inode]);
    const durable: Entry[] = [];
    const rest: Entry[] = [];
    for (const step of this.#pending.toReversed()) {
      if (foldersOf(step).some((folder) => folders.has(folder))) {
        for (const folder of foldersOf(step)) folders.add(folder);
        durable.unshift(step);
      } else rest.unshift(step);
    }
    for (const step of durable) this.#enter(step, 'synced');
    this.#pending = rest;
  }

  /** Of each folder's changes the first few made it. */
  #keepSome(tree: MemoryTree, random: () => number): void {
    const stopped = new Set<number>();
    for (const step of this.#pending) {
      const folders = foldersOf(step);
      if (folders.some((folder) => stopped.has(folder)) || random() < 0.5) {
        for (const folder of folders) stopped.add(folder);
        continue;
      }
      tree.#enter(step, 'entries');
      tree.#enter(step, 'synced');
    }
  }
}

function foldersOf(step: Entry): number[] {
  return step.call === 'rename' ? [step.from, step.dir] : [step.dir];
}

/** What is left of a file's content: of bytes that were not synced some are there, and some of those may be zeros. */
function left({ data, synced }: MemoryFile, keep: Exclude<Keep, 'all'>): Uint8Array {
  if (keep === 'synced') return synced;
  const grown = data.length >= synced.length && Buffer.compare(data.subarray(0, synced.length), synced) === 0;
  if (!grown) return keep() < 0.5 ? data : synced;
  const kept = data.slice(0, synced.length + Math.floor(keep() * (data.length - synced.length + 1)));
  if (keep() < 0.25 && kept.length > synced.length) {
    const from = synced.length + Math.floor(keep() * (kept.length - synced.length));
    kept.fill(0, from, from + Math.ceil(keep() * (kept.length - from)));
  }
  return kept;
}
