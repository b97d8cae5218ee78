import { LabError } from '@lab/sdk';
import { describe, expect, test } from 'vitest';
import { matches } from './evaluate.ts';
import { compileGroups, DEEPEST, type GroupDefinition } from './groups.ts';
import type { TargetResource } from './resource.ts';

const node = (name: string, labels: Record<string, string>): TargetResource => ({
  kind: 'node',
  node: name,
  service: null,
  labels,
});
const infra = node('chelsty-infra', { site: 'chelsty', link: 'lte' });
const ha = node('chelsty-ha', { site: 'chelsty', link: 'lte' });
const piha = node('piha', { site: 'home', link: 'lan' });

test('a group is the union of its groups and its match, minus what it excepts', () => {
  const groups = compiled({
    cabin: { match: 'site=chelsty', except: 'node:chelsty-ha' },
    quiet: { groups: ['cabin'], match: 'link=lan' },
    loud: { match: '*', except: 'group:quiet' },
    maintenance: {},
  });
  const members = (name: string): string[] =>
    [infra, ha, piha].filter((one) => matches({ kind: 'group', name }, one, groups)).map((one) => one.node);
  expect(members('cabin')).toEqual(['chelsty-infra']);
  expect(members('quiet')).toEqual(['chelsty-infra', 'piha']);
  expect(members('loud')).toEqual(['chelsty-ha']);
  expect(members('maintenance')).toEqual([]);
});

describe('all problems are reported at once, each with its place', () => {
  const table: [string, Record<string, GroupDefinition>, object[]][] = [
    [
      'a cycle by nesting',
      { a: { groups: ['b'] }, b: { groups: ['a'] } },
      [{ group: 'a', message: 'it contains itself: a → b → a' }],
    ],
    [
      'a cycle by match and except',
      { a: { match: 'group:b' }, b: { match: '*', except: 'group:c' }, c: { groups: ['a'] } },
      [{ message: 'it contains itself: a → b → c → a' }],
    ],
    ['itself', { a: { match: 'not group:a' } }, [{ message: 'it contains itself: a → a' }]],
    [
      'a cycle that is reached from outside',
      { x: { groups: ['a'] }, a: { groups: ['b'] }, b: { groups: ['a'] } },
      [{ group: 'a', message: 'it contains itself: a → b → a' }],
    ],
    [
      'unknown nested',
      { cabin: { match: '*' }, q: { groups: ['cabin', 'cabim'] } },
      [{ group: 'q', field: 'groups', index: 1, message: 'there is no group "cabim"; did you mean cabin' }],
    ],
    ['unknown in a query', { q: { match: 'a=1 and group:zz' } }, [{ group: 'q', field: 'match', column: 15 }]],
    [
      'broken queries',
      { q: { match: 'a=', except: 'b' } },
      [
        { field: 'match', column: 3 },
        { field: 'except', column: 2 },
      ],
    ],
    ['except alone', { q: { except: 'a=1' } }, [{ field: 'except' }]],
  ];
  test.each(table)('%s', (_, definitions, problems) => {
    const error = refused(definitions);
    expect(error.code).toBe('target_invalid');
    expect(error.data?.problems).toMatchObject(problems);
    expect(error.data?.problems).toHaveLength(problems.length);
  });

  test('nesting without end is refused before the stack is', () => {
    const chain: Record<string, GroupDefinition> = {};
    for (let n = 0; n < 20_000; n++) chain[`g${n}`] = n === 0 ? { match: '*' } : { groups: [`g${n - 1}`] };
    expect(refused(chain).message).toMatch(/deeper than/);
    const reversed = Object.fromEntries(Object.entries(chain).reverse());
    expect(refused(reversed).message).toMatch(/deeper than/);
    const allowed = Object.entries(chain).slice(0, DEEPEST);
    expect(() => compiled(Object.fromEntries(allowed))).not.toThrow();
    expect(() => compiled(Object.fromEntries(allowed.reverse()))).not.toThrow();
  });
});

function compiled(definitions: Record<string, GroupDefinition>) {
  return compileGroups(new Map(Object.entries(definitions)));
}

function refused(definitions: Record<string, GroupDefinition>): LabError {
  try {
    compiled(definitions);
  } catch (error) {
    if (error instanceof LabError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}
