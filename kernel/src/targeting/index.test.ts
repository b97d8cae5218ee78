import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { commonWord, namedQuery, resources } from '../../testing/targets.ts';
import { formatQuery, type Query } from './ast.ts';
import { matches } from './evaluate.ts';
import { compileGroups, type GroupDefinition, Groups } from './groups.ts';
import { LabelIndex } from './index.ts';
import { parseQuery } from './query.ts';
import type { TargetResource } from './resource.ts';

const NAMES = ['g0', 'g1', 'g2', 'g3'] as const;

/** Groups that refer only to groups before them. */
const groups: fc.Arbitrary<Groups> = fc
  .tuple(...NAMES.map((_, rank) => definition(NAMES.slice(0, rank))))
  .map((all) => compileGroups(new Map(all.map((one, rank) => [NAMES[rank] ?? '', one]))));

function definition(before: readonly string[]): fc.Arbitrary<GroupDefinition> {
  const inner = before.length > 0 ? fc.constantFrom(...before) : undefined;
  const query = namedQuery(commonWord, inner ?? fc.constant('')).filter(
    (one) => inner !== undefined || !mentionsGroup(one),
  );
  return fc.record({
    groups: inner ? fc.array(inner, { maxLength: 2 }) : fc.constant([]),
    match: fc.option(query.map(formatQuery), { nil: undefined }),
    except: fc.option(query.map(formatQuery), { nil: undefined }),
  });
}

function mentionsGroup(query: Query): boolean {
  return JSON.stringify(query).includes('"group"');
}

test('the index selects what the naive evaluator selects', () => {
  const query = namedQuery(commonWord, fc.constantFrom(...NAMES));
  fc.assert(
    fc.property(resources(4_000), groups, fc.array(query, { minLength: 1, maxLength: 5 }), (fleet, known, queries) => {
      const index = new LabelIndex(fleet, known);
      for (const one of queries) {
        const expected = fleet.filter((resource) => matches(one, resource, known));
        const selection = index.select(one);
        expect(selection.count).toBe(expected.length);
        expect(same([...selection], expected)).toBe(true);
        expect(same(index.select(one).first(7), expected.slice(0, 7))).toBe(true);
        for (const i of [0, 31, 32, fleet.length - 1]) {
          const resource = fleet[i];
          expect(selection.has(i)).toBe(resource !== undefined && matches(one, resource, known));
        }
      }
    }),
    { numRuns: 400 },
  );
});

describe('a large fleet, where sets are lists, bits and mixtures of both', () => {
  const fleet: TargetResource[] = Array.from({ length: 20_000 }, (_, i) => ({
    kind: 'service',
    node: `n${i >> 3}`,
    service: `s${i % 50}`,
    labels: {
      half: String(i % 2),
      tenth: String(i % 10),
      rare: String(i % 2_000),
      once: String(i),
      ...(i % 7 === 0 ? { gpu: 'x' } : {}),
    },
  }));
  const known = compileGroups(
    new Map([
      ['few', { match: 'rare in (3, 4)' }],
      ['many', { groups: ['few'], match: 'half=0', except: 'tenth=4' }],
    ]),
  );
  const index = new LabelIndex(fleet, known);
  test.each([
    '*',
    'not *',
    'half=0',
    'rare=17',
    'once=19999',
    'half=0 and tenth=4',
    'half=0 and tenth=5',
    'half=1 and rare=17',
    'rare=17 or rare=18 or half=1',
    'rare in (1, 2, 3, 17, 17) and half=1',
    'not rare=17 and half=1',
    'tenth!=3 and tenth not in (4, 5)',
    'node:n100 or service:s7',
    'has(gpu) and not node:n0',
    'has(nothing)',
    'group:many and has(gpu)',
    'not group:few',
    'not (half=0 or rare=17)',
  ])('%s', (text) => {
    const query = parseQuery(text);
    const expected = fleet.filter((resource) => matches(query, resource, known));
    expect(index.select(query).count).toBe(expected.length);
    expect(same([...index.select(query)], expected)).toBe(true);
    expect(same(index.select(query).first(100), expected.slice(0, 100))).toBe(true);
  });
});

test('a node is selected with all its services, and an unknown group is refused', () => {
  const labels = {};
  const piha: TargetResource = { kind: 'node', node: 'piha', service: null, labels };
  const ui: TargetResource = { kind: 'service', node: 'piha', service: 'ui', labels };
  const vps: TargetResource = { kind: 'node', node: 'vps', service: null, labels };
  const index = new LabelIndex([piha, ui, vps], new Groups());
  expect([...index.select(parseQuery('node:piha'))]).toEqual([piha, ui]);
  expect([...index.select(parseQuery('service:ui'))]).toEqual([ui]);
  expect(() => index.select(parseQuery('group:cabin'))).toThrow('there is no group "cabin"');
  expect(index.select(parseQuery('*')).first(0)).toEqual([]);
});

function same(a: readonly TargetResource[], b: readonly TargetResource[]): boolean {
  return a.length === b.length && a.every((resource, i) => resource === b[i]);
}
