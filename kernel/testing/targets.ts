/** Random queries, fleets and groups for properties of targeting. */
import fc from 'fast-check';
import { allOf, anyOf, EVERYTHING, not, type Query } from '../src/targeting/ast.ts';
import type { TargetResource } from '../src/targeting/resource.ts';

/** Any query over keys and values of `word` and groups of `group`. */
export function namedQuery(word: fc.Arbitrary<string>, group: fc.Arbitrary<string>): fc.Arbitrary<Query> {
  const name = fc.constantFrom('n0', 'n1', 'n2', 's0', 's1');
  const leaf: fc.Arbitrary<Query> = fc.oneof(
    fc.constant(EVERYTHING),
    fc.record({ kind: fc.constantFrom('node' as const, 'service' as const), name }),
    fc.record({ kind: fc.constant('group' as const), name: group }),
    fc.record({ kind: fc.constant('equals' as const), key: word, value: word }),
    fc.record({ kind: fc.constant('in' as const), key: word, values: fc.array(word, { minLength: 1, maxLength: 4 }) }),
    fc.record({ kind: fc.constant('has' as const), key: word }),
  );
  return fc.letrec<{ query: Query }>((tie) => {
    const parts = fc.array(tie('query'), { minLength: 2, maxLength: 4 });
    return {
      query: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        leaf,
        tie('query').map(not),
        parts.map(allOf),
        parts.map(anyOf),
      ),
    };
  }).query;
}

/** Few words, so that labels and queries meet; with some that objects inherit. */
export const commonWord = fc.constantFrom('a', 'b', 'c', 'd', 'constructor', '__proto__');

const labels = fc
  .array(fc.tuple(commonWord, commonWord), { maxLength: 4 })
  .map((entries) => Object.fromEntries(entries));

const nodeName = fc.constantFrom('n0', 'n1', 'n2', 'n3');

/** Up to `most` resources: some so many and so alike that their sets are kept as bits, some rare. */
export function resources(most: number): fc.Arbitrary<TargetResource[]> {
  const one: fc.Arbitrary<TargetResource> = fc.oneof(
    fc.record({ kind: fc.constant('node' as const), node: nodeName, service: fc.constant(null), labels }),
    fc.record({
      kind: fc.constant('service' as const),
      node: nodeName,
      service: fc.constantFrom('s0', 's1', 's2'),
      labels,
    }),
  );
  return fc.array(one, { maxLength: 12 }).chain((distinct) =>
    fc
      .array(fc.tuple(fc.nat({ max: Math.max(distinct.length - 1, 0) }), fc.nat({ max: most / 8 })), { maxLength: 8 })
      .map((runs) => {
        const all = [...distinct];
        for (const [which, times] of runs) {
          const resource = distinct[which];
          if (resource) for (let n = 0; n < times; n++) all.push(resource);
        }
        return all;
      }),
  );
}
