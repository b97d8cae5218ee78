import { expect, test } from 'vitest';
import { editDistance, nearest } from './nearest.ts';

test.each([
  ['', '', 0],
  ['abc', 'abc', 0],
  ['abc', 'acb', 1],
  ['abc', 'ab', 1],
  ['kitten', 'sitting', 3],
  ['', 'abc', 3],
])('from %s to %s are %i edits', (a, b, edits) => {
  expect(editDistance(a, b)).toBe(edits);
  expect(editDistance(b, a)).toBe(edits);
});

test.each([
  ['healtcheck', 'healthcheck'],
  ['Monitor', 'monitor'],
  ['moniotr', 'monitor'],
  ['lan', undefined],
  ['x'.repeat(100_000), undefined],
])('for %s the nearest is %s', (word, expected) => {
  expect(nearest(word, ['monitor', 'observed', 'healthcheck'])).toBe(expected);
});

test('of two equally near ones the first, of two the nearer', () => {
  expect(nearest('cat', ['bat', 'hat'])).toBe('bat');
  expect(nearest('cabinn', ['cabbin', 'cabin'])).toBe('cabin');
});
