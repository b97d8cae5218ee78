import { LabError } from '@lab/sdk';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { namedQuery } from '../../testing/targets.ts';
import { allOf, anyOf, EVERYTHING, formatQuery, not, type Query } from './ast.ts';
import { checkGroups, LIMITS, parseQuery } from './query.ts';

const eq = (key: string, value: string): Query => ({ kind: 'equals', key, value });

describe('what a query means', () => {
  const table: [string, Query][] = [
    ['*', EVERYTHING],
    ['site=chelsty', eq('site', 'chelsty')],
    ['env:prod', eq('env', 'prod')],
    ['arch != arm64', not(eq('arch', 'arm64'))],
    ['role in (infra, ha)', { kind: 'in', key: 'role', values: ['infra', 'ha'] }],
    ['role not in (infra)', not({ kind: 'in', key: 'role', values: ['infra'] })],
    ['has(gpu)', { kind: 'has', key: 'gpu' }],
    ['has ( gpu )', { kind: 'has', key: 'gpu' }],
    ['node:piha', { kind: 'node', name: 'piha' }],
    ['node=piha', { kind: 'node', name: 'piha' }],
    ['service:zigbee2mqtt', { kind: 'service', name: 'zigbee2mqtt' }],
    [
      'group in (cabin, quiet)',
      anyOf([
        { kind: 'group', name: 'cabin' },
        { kind: 'group', name: 'quiet' },
      ]),
    ],
    ['"node"=piha', eq('node', 'piha')],
    [`name="a \\"b\\" c"`, eq('name', 'a "b" c')],
    [`name='it is'`, eq('name', 'it is')],
    ['order=first', eq('order', 'first')],
    ['in-house=yes', eq('in-house', 'yes')],
    ['addr=fe80::1', eq('addr', 'fe80::1')],
    ['a=1 or b=2 and c=3', anyOf([eq('a', '1'), allOf([eq('b', '2'), eq('c', '3')])])],
    ['a=1 or b=2, c=3', allOf([anyOf([eq('a', '1'), eq('b', '2')]), eq('c', '3')])],
    ['a=1, b=2 and c=3', allOf([eq('a', '1'), eq('b', '2'), eq('c', '3')])],
    ['(a=1, b=2) or c=3', anyOf([allOf([eq('a', '1'), eq('b', '2')]), eq('c', '3')])],
    ['not a=1 and b=2', allOf([not(eq('a', '1')), eq('b', '2')])],
    ['not not a=1', not(not(eq('a', '1')))],
    [`a="in" and b='or'`, allOf([eq('a', 'in'), eq('b', 'or')])],
    [
      'site=chelsty and role in (infra, ha) and not group:maintenance',
      allOf([
        eq('site', 'chelsty'),
        { kind: 'in', key: 'role', values: ['infra', 'ha'] },
        not({ kind: 'group', name: 'maintenance' }),
      ]),
    ],
  ];
  test.each(table)('%s', (text, query) => {
    expect(parseQuery(text)).toEqual(query);
  });

  test('it cannot be changed', () => {
    const query = parseQuery('a=1 and b in (2, 3)');
    expect(() => Object.assign(query, { kind: 'all' })).toThrow(TypeError);
  });
});

describe('an error points at its column', () => {
  const table: [text: string, column: number, problem: RegExp][] = [
    ['', 1, /empty/],
    ['   ', 1, /empty/],
    ['site', 5, /expected =.*has\(site\)/],
    ['site=', 6, /expected a value/],
    ['site= and role=x', 7, /expected a value/],
    ['site==x', 6, /expected a value/],
    ['site=a role=b', 8, /expected and, or, a comma or the end/],
    ['site=a AND role=b', 8, /expected and, or/],
    ['a=1 and', 8, /expected a label/],
    ['and a=1', 1, /expected a term before and/],
    ['has=3', 4, /expected \( after has/],
    ['(a=1', 1, /this \( is never closed/],
    ['a=1)', 4, /this \) closes nothing/],
    ['(a=1 b=2)', 6, /expected and, or, a comma or \)/],
    ['role in infra', 9, /expected \(/],
    ['role in ()', 10, /expected a value/],
    ['role in (a b)', 12, /expected a comma or \)/],
    ['role in (a', 9, /never closed/],
    ['role not (a)', 10, /expected in after not/],
    ['a="x', 3, /this " is never closed/],
    ['a=1, , b=2', 6, /expected a label/],
    ['node:PiHa', 6, /the name of a node/],
    ['a=1 and ü=2', 9, /expected a label/],
    ['a=x*', 4, /expected and, or/],
    ['a=1 and group:cabim', 15, /no group "cabim"; did you mean cabin/],
  ];
  test.each(table)('%s', (text, column, problem) => {
    const error = thrown(() => parseQuery(text, new Set(['cabin', 'quiet'])));
    expect(error.code).toBe('target_invalid');
    expect(error.data).toMatchObject({ column });
    const [summary = '', excerpt = '', caret = ''] = error.message.split('\n');
    expect(summary).toMatch(new RegExp(`^column ${column}: `));
    expect(summary).toMatch(problem);
    expect(excerpt.trim()).toBe(text.trim());
    expect(caret.indexOf('^')).toBe(2 + column - 1);
  });

  test('far into a long query, the excerpt is a window and the caret stays under its column', () => {
    const error = thrown(() => parseQuery(`${'label=value and '.repeat(60)}broken and ${'a=b and '.repeat(60)}c=d`));
    const [, excerpt = '', caret = ''] = error.message.split('\n');
    expect(excerpt.length).toBeLessThan(110);
    expect(excerpt.slice(0, caret.indexOf('^')).endsWith('broken ')).toBe(true);
  });

  test('a line break in the query does not break the excerpt', () => {
    expect(thrown(() => parseQuery('a=1\nand\tb')).message.split('\n')).toHaveLength(3);
  });
});

describe('limits', () => {
  const refused: [string, string, RegExp][] = [
    ['parentheses', '('.repeat(4_000), /nested deeper/],
    ['not', 'not '.repeat(1_000), /nested deeper/],
    ['terms', `a in (${Array.from({ length: 1_000 }, () => 'b').join(',')})`, /more than 512 terms/],
    ['length', `a="${'x'.repeat(LIMITS.length)}"`, /at most 4096 characters/],
  ];
  test.each(refused)('too many %s', (_, text, problem) => {
    expect(thrown(() => parseQuery(text)).message).toMatch(problem);
  });

  test('whatever the text, the answer is a query or an error with a column', () => {
    const piece = fc.constantFrom(
      'a',
      'and',
      'or',
      'not',
      'in',
      'has',
      '(',
      ')',
      ',',
      '=',
      '!=',
      ':',
      '*',
      '"',
      "'",
      '\\',
      ' ',
      '\n',
      'node',
      'é',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(piece, { maxLength: 30 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (input) => {
        try {
          expect(parseQuery(formatQuery(parseQuery(input)))).toEqual(parseQuery(input));
        } catch (error) {
          if (!(error instanceof LabError) || error.code !== 'target_invalid') throw error;
          expect(error.data?.column).toBeGreaterThan(0);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

test('what is written is read back as the same query', () => {
  fc.assert(
    fc.property(
      namedQuery(
        fc.oneof(fc.string({ unit: 'binary', maxLength: 8 }), fc.constantFrom('and', 'not', 'in', 'node', 'x-1')),
        fc.constantFrom('cabin', 'quiet'),
      ),
      (query) => {
        expect(parseQuery(formatQuery(query))).toEqual(query);
      },
    ),
    { numRuns: 2_000 },
  );
});

test('checkGroups names the nearest', () => {
  expect(() => checkGroups(parseQuery('a=1 or not group:cabin'), new Set(['cabin']))).not.toThrow();
  const error = thrown(() => checkGroups(parseQuery('a=1 or not group:cabim'), new Set(['cabin'])));
  expect(error.message).toBe('there is no group "cabim"; did you mean cabin');
  expect(error.data).toEqual({ group: 'cabim' });
});

function thrown(run: () => unknown): LabError {
  try {
    run();
  } catch (error) {
    if (error instanceof LabError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
