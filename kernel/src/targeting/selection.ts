/** What a query selected, computed as far as it is asked for. */
import type { TargetResource } from './resource.ts';
import { CHUNK, type IdSet } from './sets.ts';

/** Words of the first chunk that is looked at; each following one is four times as long, up to CHUNK. */
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
    const found: TargetResource[] = [];
    if (n <= 0) return found;
    for (const resource of this) {
      found.push(resource);
      if (found.length >= n) break;
    }
    return found;
  }

  /** Whether the resource at position `i` of the index is selected. */
  has(i: number): boolean {
    return i >= 0 && i < this.#resources.length && this.#set.test(i);
  }

  *[Symbol.iterator](): Generator<TargetResource> {
    for (const id of this.ids()) {
      const resource = this.#resources[id];
      if (resource) yield resource;
    }
  }

  /** Positions in the index, in order. */
  *ids(): Generator<number> {
    if (this.#set.small) {
      const ids = this.#set.ids();
      for (let at = 0; at < ids.length; at++) yield ids[at] ?? 0;
      return;
    }
    for (const [first, chunk, words] of this.#chunks(FIRST_CHUNK)) {
      for (let word = 0; word < words; word++) {
        for (let bits = chunk[word] ?? 0; bits !== 0; bits &= bits - 1) {
          yield (first + word) * 32 + 31 - Math.clz32(bits & -bits);
        }
      }
    }
  }

  #counted(): number {
    let count = 0;
    for (const [, chunk, words] of this.#chunks(CHUNK)) {
      for (let word = 0; word < words; word++) count += ones(chunk[word] ?? 0);
    }
    return count;
  }

  *#chunks(firstWords: number): Generator<[first: number, chunk: Uint32Array, words: number]> {
    const size = this.#resources.length;
    const all = Math.ceil(size / 32);
    const chunk = new Uint32Array(Math.min(CHUNK, Math.max(all, 1)));
    let step = Math.min(firstWords, chunk.length);
    for (let first = 0; first < all; ) {
      const words = Math.min(step, all - first);
      this.#set.fill(first, words, chunk);
      const rest = size & 31;
      if (rest !== 0 && first + words === all) chunk[words - 1] = (chunk[words - 1] ?? 0) & ((1 << rest) - 1);
      yield [first, chunk, words];
      first += words;
      step = Math.min(step * 4, chunk.length);
    }
  }
}

function ones(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
