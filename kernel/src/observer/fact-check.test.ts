import type { Fact } from '@lab/sdk';
import { describe, expect, it } from 'vitest';
import { EventHouse } from '../../testing/event-house.ts';
import { checkFact } from './fact-check.ts';

describe('a fact', () => {
  const { registry } = new EventHouse();
  const classOf = (fact: Partial<Fact> & { readonly type: string }): string =>
    checkFact(registry, { data: { n: 1 }, ...fact }, 'node').class;

  it('travels in the class of its type, whatever it asks for', () => {
    expect(classOf({ type: 'felt' })).toBe('health');
    expect(classOf({ type: 'felt', class: 'bulk' })).toBe('health');
  });

  it('of a type that may travel in any travels in the one it asks for, else in control', () => {
    expect(classOf({ type: 'shared', class: 'health' })).toBe('health');
    expect(classOf({ type: 'shared', class: 'bulk' })).toBe('bulk');
    expect(classOf({ type: 'shared' })).toBe('control');
  });
});
