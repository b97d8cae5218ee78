import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AllSet, AndSet, BitSet, type IdSet, ListSet, NotSet, OrSet } from './sets.ts';

const SIZE = 200;
const WORDS = Math.ceil(SIZE / 32);

/** A set beside the plain one that it must equal. */
interface Pair {
  readonly set: IdSet;
  readonly plain: ReadonlySet<number>;
}

// The first and last bits of words are where mistakes live.
const id = fc.oneof(fc.nat(SIZE - 1), fc.constantFrom(0, 31, 32, 63, 64, 95, 96, 128, 160, 192, SIZE - 1));
const leaf: fc.Arbitrary<Pair> = fc.oneof(
  fc.uniqueArray(id, { maxLength: 40 }).map((ids) => {
    const sorted = Uint32Array.from(ids).sort();
    return { set: new ListSet(sorted), plain: new Set(sorted) };
  }),
  fc.uniqueArray(id, { maxLength: 200 }).map((ids) => {
    const words = new Uint32Array(WORDS);
    for (const one of ids) words[one >>> 5] = (words[one >>> 5] ?? 0) | (1 << (one & 31));
    return { set: new BitSet(words, ids.length), plain: new Set(ids) };
  }),
  fc.constant({ set: new AllSet(SIZE), plain: new Set(Array.from({ length: SIZE }, (_, one) => one)) }),
);
const pair = fc.letrec<{ pair: Pair }>((tie) => {
  const parts = fc.array(tie('pair'), { minLength: 1, maxLength: 3 });
  return {
    pair: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      leaf,
      tie('pair').map(({ set, plain }) => ({ set: new NotSet(set, SIZE), plain: filtered((one) => !plain.has(one)) })),
      parts.map((of) => ({
        set: new AndSet(of.map(({ set }) => set)),
        plain: filtered((one) => of.every(({ plain }) => plain.has(one))),
      })),
      parts.map((of) => ({
        set: new OrSet(of.map(({ set }) => set)),
        plain: filtered((one) => of.some(({ plain }) => plain.has(one))),
      })),
    ),
  };
}).pair;

function filtered(member: (id: number) => boolean): Set<number> {
  return new Set(Array.from({ length: SIZE }, (_, one) => one).filter(member));
}

test('whatever is combined, each way of asking gives the members, in chunks of any size', () => {
  fc.assert(
    fc.property(pair, fc.integer({ min: 1, max: WORDS }), ({ set, plain }, step) => {
      const members = [...plain].sort((a, b) => a - b);
      expect(read(set, step, 'fill', 0)).toEqual(members);
      expect(read(set, step, 'or', 0)).toEqual(members);
      expect(read(set, step, 'and', -1)).toEqual(members);
      expect([...filtered((one) => set.test(one))]).toEqual(members);
      expect(set.bound).toBeGreaterThanOrEqual(members.length);
      if (set.known !== undefined) expect(set.known).toBe(members.length);
      if (set.small) expect(Array.from(set.ids())).toEqual(members);
    }),
    { numRuns: 1_500 },
  );
});

function read(set: IdSet, step: number, how: 'fill' | 'and' | 'or', before: number): number[] {
  const members: number[] = [];
  for (let first = 0; first < WORDS; first += step) {
    const words = Math.min(step, WORDS - first);
    const chunk = new Uint32Array(words).fill(before);
    set[how](first, words, chunk);
    for (let bit = 0; bit < words * 32; bit++) {
      const one = first * 32 + bit;
      if (one < SIZE && ((chunk[bit >>> 5] ?? 0) >>> (bit & 31)) % 2 === 1) members.push(one);
    }
  }
  return members;
}
