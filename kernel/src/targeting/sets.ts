/**
 * Sets of small numbers, and what combines them: the arithmetic under the label index.
 *
 * INVARIANTS: members are below `size` of the universe; nothing is computed when a set is made, only when it is asked, and
 * then only as much as the question needs: a set that is known to be small is a sorted list, any other is read in
 * words of 32 bits, a chunk at a time. Bits past the universe may be set in a chunk of a `not`: who reads masks them.
 */

/** Words that are computed at a time: small enough to stay in the processor's first cache. */
export const CHUNK = 512;

export interface IdSet {
  /** True: `ids` is cheap. */
  readonly small: boolean;
  /** No fewer than it has members. */
  readonly bound: number;
  test(id: number): boolean;
  /** Members in order. Called on small ones only. */
  ids(): ArrayLike<number>;
  /** Sets, cuts down or adds to `out[0..words)` by the words of this set from word `first` on. At most CHUNK words. */
  fill(first: number, words: number, out: Uint32Array): void;
  and(first: number, words: number, out: Uint32Array): void;
  or(first: number, words: number, out: Uint32Array): void;
  /** The number of members where it is known without work. */
  readonly known: number | undefined;
}

/** A sorted list. */
export class ListSet implements IdSet {
  readonly small = true;
  readonly bound: number;
  readonly known: number;
  readonly #ids: Uint32Array;

  constructor(ids: Uint32Array) {
    this.#ids = ids;
    this.bound = ids.length;
    this.known = ids.length;
  }

  test(id: number): boolean {
    return this.#ids[this.#from(id)] === id;
  }

  ids(): Uint32Array {
    return this.#ids;
  }

  fill(first: number, words: number, out: Uint32Array): void {
    out.fill(0, 0, words);
    this.or(first, words, out);
  }

  or(first: number, words: number, out: Uint32Array): void {
    const ids = this.#ids;
    const end = (first + words) * 32;
    for (let at = this.#from(first * 32); at < ids.length; at++) {
      const id = ids[at] ?? end;
      if (id >= end) break;
      const word = (id >>> 5) - first;
      out[word] = (out[word] ?? 0) | (1 << (id & 31));
    }
  }

  and(first: number, words: number, out: Uint32Array): void {
    const ids = this.#ids;
    let at = this.#from(first * 32);
    for (let word = 0; word < words; word++) {
      let mask = 0;
      const end = (first + word + 1) * 32;
      for (; at < ids.length; at++) {
        const id = ids[at] ?? end;
        if (id >= end) break;
        mask |= 1 << (id & 31);
      }
      out[word] = (out[word] ?? 0) & mask;
    }
  }

  /** Where the first member that is not below `id` stands. */
  #from(id: number): number {
    let low = 0;
    let high = this.#ids.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ids[middle] ?? 0) < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** One bit for each number of the universe. */
export class BitSet implements IdSet {
  readonly small = false;
  readonly bound: number;
  readonly known: number;
  readonly #words: Uint32Array;

  constructor(words: Uint32Array, count: number) {
    this.#words = words;
    this.bound = count;
    this.known = count;
  }

  test(id: number): boolean {
    return ((this.#words[id >>> 5] ?? 0) & (1 << (id & 31))) !== 0;
  }

  ids(): number[] {
    return [];
  }

  fill(first: number, words: number, out: Uint32Array): void {
    for (let word = 0; word < words; word++) out[word] = this.#words[first + word] ?? 0;
  }

  and(first: number, words: number, out: Uint32Array): void {
    for (let word = 0; word < words; word++) out[word] = (out[word] ?? 0) & (this.#words[first + word] ?? 0);
  }

  or(first: number, words: number, out: Uint32Array): void {
    for (let word = 0; word < words; word++) out[word] = (out[word] ?? 0) | (this.#words[first + word] ?? 0);
  }
}

/** Sets that are computed: `fill` makes a chunk, and the other two go through a chunk of their own. */
abstract class Computed implements IdSet {
  abstract readonly small: boolean;
  abstract readonly bound: number;
  readonly known: number | undefined = undefined;
  #scratch: Uint32Array | undefined;

  abstract test(id: number): boolean;
  abstract ids(): ArrayLike<number>;
  abstract fill(first: number, words: number, out: Uint32Array): void;

  and(first: number, words: number, out: Uint32Array): void {
    const mine = this.#chunk(first, words);
    for (let word = 0; word < words; word++) out[word] = (out[word] ?? 0) & (mine[word] ?? 0);
  }

  or(first: number, words: number, out: Uint32Array): void {
    const mine = this.#chunk(first, words);
    for (let word = 0; word < words; word++) out[word] = (out[word] ?? 0) | (mine[word] ?? 0);
  }

  #chunk(first: number, words: number): Uint32Array {
    if (this.#scratch === undefined || this.#scratch.length < words) this.#scratch = new Uint32Array(words);
    this.fill(first, words, this.#scratch);
    return this.#scratch;
  }
}

/** The whole universe. */
export class AllSet implements IdSet {
  readonly small = false;
  readonly bound: number;
  readonly known: number;

  constructor(size: number) {
    this.bound = size;
    this.known = size;
  }

  test(): boolean {
    return true;
  }

  ids(): number[] {
    return [];
  }

  fill(_first: number, words: number, out: Uint32Array): void {
    out.fill(0xffffffff, 0, words);
  }

  and(): void {}

  or(first: number, words: number, out: Uint32Array): void {
    this.fill(first, words, out);
  }
}

export class NotSet extends Computed {
  readonly small = false;
  readonly bound: number;
  override readonly known: number | undefined;
  readonly #of: IdSet;

  constructor(of: IdSet, size: number) {
    super();
    this.#of = of;
    this.known = of.known === undefined ? undefined : size - of.known;
    this.bound = this.known ?? size;
  }

  test(id: number): boolean {
    return !this.#of.test(id);
  }

  ids(): number[] {
    return [];
  }

  fill(first: number, words: number, out: Uint32Array): void {
    this.#of.fill(first, words, out);
    for (let word = 0; word < words; word++) out[word] = ~(out[word] ?? 0);
  }
}

export class AndSet extends Computed {
  readonly small: boolean;
  readonly bound: number;
  /** The smallest first. */
  readonly #of: readonly IdSet[];

  constructor(of: readonly IdSet[]) {
    super();
    this.#of = [...of].sort((a, b) => Number(b.small) - Number(a.small) || a.bound - b.bound);
    this.small = this.#of[0]?.small ?? false;
    this.bound = Math.min(...of.map((set) => set.bound));
  }

  test(id: number): boolean {
    return this.#of.every((set) => set.test(id));
  }

  ids(): number[] {
    const [smallest, ...others] = this.#of;
    const found: number[] = [];
    if (smallest === undefined) return found;
    const ids = smallest.ids();
    for (let at = 0; at < ids.length; at++) {
      const id = ids[at] ?? 0;
      if (others.every((set) => set.test(id))) found.push(id);
    }
    return found;
  }

  fill(first: number, words: number, out: Uint32Array): void {
    const [smallest, ...others] = this.#of;
    smallest?.fill(first, words, out);
    for (const set of others) set.and(first, words, out);
  }
}

/** Up to so many members in all, a union is a list that is sorted. */
const SORTED = 256;

export class OrSet extends Computed {
  readonly small: boolean;
  readonly bound: number;
  readonly #of: readonly IdSet[];

  constructor(of: readonly IdSet[]) {
    super();
    this.#of = of;
    this.bound = of.reduce((sum, set) => sum + set.bound, 0);
    this.small = this.bound <= SORTED && of.every((set) => set.small);
  }

  test(id: number): boolean {
    return this.#of.some((set) => set.test(id));
  }

  ids(): number[] {
    const all = new Set<number>();
    for (const set of this.#of) {
      const ids = set.ids();
      for (let at = 0; at < ids.length; at++) all.add(ids[at] ?? 0);
    }
    return [...all].sort((a, b) => a - b);
  }

  fill(first: number, words: number, out: Uint32Array): void {
    out.fill(0, 0, words);
    for (const set of this.#of) set.or(first, words, out);
  }
}
