import { eventSchema } from '@lab/sdk';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isEvent } from './intake.ts';

const sound = {
  id: 'abcd.c1',
  node: 'n1',
  log: 'abcd',
  epoch: 1,
  class: 'control',
  seq: 1,
  type: 'noted',
  at: '2026-01-01T00:00:00.000Z',
  severity: 'info',
  data: {},
};

const instants = fc.constantFrom(
  ...['2026-01-01T00:00:00Z', '2026-01-01T00:00:00.123456Z', '2026-01-01T00:00Z', '2026-01-01', '2026-02-30T00:00:00Z'],
  ...['2026-01-01T00:00:00+02:00', '2026-01-01T25:00:00Z', '0000-01-01T00:00:00Z', '2024-02-29T23:59:59Z', 'now', ''],
);
const anything = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom(0, 1, -1, 1.5, 2 ** 53, 1e308, '', 'a', 'A', 'abcd', 'a'.repeat(63), 'a'.repeat(64), 'x'.repeat(81)),
  fc.constantFrom('control', 'health', 'bulk', 'info', 'warning', 'error', 'a_b', '_a', 'Ab', null, [], {}),
  instants,
);
const members = ['id', 'node', 'log', 'epoch', 'class', 'seq', 'type', 'at', 'severity', 'data', 'source', 'service'];

it('accepts a sound event', () => {
  expect(isEvent(sound)).toBe(true);
  expect(isEvent({ ...sound, source: 'docker', service: '' })).toBe(true);
});

it('accepts exactly what eventSchema accepts', () => {
  const changes = fc.array(
    fc.record({ member: fc.oneof(fc.constantFrom(...members), fc.string()), value: anything, drop: fc.boolean() }),
    { maxLength: 2 },
  );
  let accepted = 0;
  fc.assert(
    fc.property(changes, (list) => {
      const event = new Map<string, unknown>(Object.entries(sound));
      for (const { member, value, drop } of list) {
        if (drop) event.delete(member);
        else event.set(member, value);
      }
      const value: unknown = JSON.parse(JSON.stringify(Object.fromEntries(event)));
      const expected = eventSchema.safeParse(value).success;
      if (expected) accepted++;
      expect(isEvent(value)).toBe(expected);
    }),
    { numRuns: 5_000 },
  );
  expect(accepted).toBeGreaterThan(200);
});

it('accepts exactly what eventSchema accepts of any JSON', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(isEvent(value)).toBe(eventSchema.safeParse(value).success);
    }),
  );
});
