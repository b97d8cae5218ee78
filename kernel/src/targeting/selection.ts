/** What a query selected, computed as far as it is asked for. */
import type { TargetResource } from './resource.ts';
import { CHUNK, type IdSet } from './sets.ts';

/** Words of the first chunk that is looked at; each following one is eight times as long, up to CHUNK. */
const FIRST_CHUNK = 8;

export class Selection implements Iterable<TargetResource> {
  readonly #set: IdSet;
  readonly #resources: readonly TargetResource[];
  #count: number | undefined;

  constructor(set: IdSet, resources: readonly TargetResource[]) {
    this.#set = set;
    this.#resources = resources;
  }

  get count(): number {
    this.#count ??= this.#set.known ?? (this.#set.small ? this.#set.ids().length : this.#counted());
    return this.#count;
  }

  /** The first `n`, in the order of the index. */
  first(n: number): TargetResource[] {
    if (this.#set.known === this.#resources.length) return this.#resources.slice(0, Math.max(n, 0));
    const found: TargetResource[] = [];
    const ids = this.#taken(n);
    const end = Math.min(n, ids.length);
    for (let at = 0; at < end; at++) {
      const resource = this.#resources[ids[at] ?? 0];
      if (resource !== undefined) found.push(resource);
    }
    return found;
  }

  /** Whether the resource at position `i` of the index is selected. */
  has(i: number): boolean {
    return i >= 0 && i < this.#resources.length && this.#set.test(i);
  }

  *[Symbol.iterator](): Generator<TargetResource> {
    const ids = this.ids();
    for (let at = 0; at < ids.length; at++) {
      const resource = this.#resources[ids[at] ?? 0];
      if (resource) yield resource;
    }
  }

  /** Positions in the index, in order. */
  ids(): ArrayLike<number> {
    return this.#taken(this.#resources.length);
  }

  /** The first `limit`; all of them where that costs nothing. */
  #taken(limit: number): ArrayLike<number> {
    if (this.#set.small) return this.#set.ids();
    const taken = new Uint32Array(Math.min(Math.max(limit, 0), this.#set.bound));
    let count = 0;
    let chunk = new Uint32Array(FIRST_CHUNK);
    for (let first = 0; first < this.#words && count < taken.length; ) {
      const words = this.#read(first, chunk);
      for (let word = 0; word < words; word++) {
        for (let bits = chunk[word] ?? 0; bits !== 0 && count < taken.length; bits &= bits - 1) {
          taken[count++] = (first + word) * 32 + 31 - Math.clz32(bits & -bits);
        }
      }
      first += words;
      if (chunk.length < CHUNK) chunk = new Uint32Array(Math.min(chunk.length * 8, CHUNK));
    }
    return taken.subarray(0, count);
  }

  #counted(): number {
    const chunk = new Uint32Array(Math.min(CHUNK, this.#words));
    let count = 0;
    for (let first = 0; first < this.#words; ) {
      const words = this.#read(first, chunk);
      for (let word = 0; word < words; word++) count += ones(chunk[word] ?? 0);
      first += words;
    }
    return count;
  }

  get #words(): number {
    return Math.ceil(this.#resources.length / 32);
  }

  /** Computes as many words as `chunk` holds, or as there are; returns how many. */
  #read(first: number, chunk: Uint32Array): number {
    const words = Math.min(chunk.length, this.#words - first);
    this.#set.fill(first, words, chunk);
    const rest = this.#resources.length & 31;
    if (rest !== 0 && first + words === this.#words) chunk[words - 1] = (chunk[words - 1] ?? 0) & ((1 << rest) - 1);
    return words;
  }
}

function ones(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
