import type { Window } from '@lab/sdk';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { windowAt } from './windows.ts';

const night: Window = { cron: '0 2 * * *', for: '3h', zone: 'Europe/Warsaw' };

function at(instant: string, ...windows: readonly Window[]): string {
  const { open, opensAt, closesAt } = windowAt(windows, Date.parse(instant));
  const text = (ms: number | undefined): string => (ms === undefined ? 'never' : new Date(ms).toISOString());
  return open ? `open until ${text(closesAt)}` : `opens ${text(opensAt)}`;
}

describe('windowAt', () => {
  it('is always open where there are none', () => {
    expect(windowAt([], 0)).toEqual({ open: true });
  });

  it.each([
    ['2026-06-30T23:59:59.999Z', 'opens 2026-07-01T00:00:00.000Z'],
    ['2026-07-01T00:00:00.000Z', 'open until 2026-07-01T03:00:00.000Z'],
    ['2026-07-01T00:00:00.500Z', 'open until 2026-07-01T03:00:00.000Z'],
    ['2026-07-01T02:59:59.999Z', 'open until 2026-07-01T03:00:00.000Z'],
    ['2026-07-01T03:00:00.000Z', 'opens 2026-07-02T00:00:00.000Z'],
    ['2026-01-10T00:30:00.000Z', 'opens 2026-01-10T01:00:00.000Z'],
  ])('counts 02:00 in its own zone: at %s it %s', (instant, says) => {
    expect(at(instant, night)).toBe(says);
  });

  const half: Window = { cron: '30 2 * * *', for: '1h', zone: 'Europe/Warsaw' };
  it.each([
    ['2026-03-29T00:59:00.000Z', 'opens 2026-03-29T01:00:00.000Z'],
    ['2026-03-29T01:59:00.000Z', 'open until 2026-03-29T02:00:00.000Z'],
    ['2026-03-29T02:01:00.000Z', 'opens 2026-03-30T00:30:00.000Z'],
  ])('opens when the clock has moved on, where spring skips its instant: %s', (instant, says) => {
    expect(at(instant, half)).toBe(says);
  });

  it.each([
    ['2026-10-25T00:31:00.000Z', 'open until 2026-10-25T01:30:00.000Z'],
    ['2026-10-25T01:31:00.000Z', 'opens 2026-10-26T01:30:00.000Z'],
  ])('opens once, where autumn has its instant twice: %s', (instant, says) => {
    expect(at(instant, half)).toBe(says);
  });

  it('is open while any of several is, and closes with the last', () => {
    const early: Window = { cron: '0 1 * * *', for: '2h', zone: 'UTC' };
    const late: Window = { cron: '0 2 * * *', for: '3h', zone: 'UTC' };
    expect(at('2026-07-01T02:30:00.000Z', early, late)).toBe('open until 2026-07-01T05:00:00.000Z');
    expect(at('2026-07-01T06:00:00.000Z', early, late)).toBe('opens 2026-07-02T01:00:00.000Z');
  });

  it('stays open where each opening comes before the last one ended', () => {
    expect(at('2026-07-01T12:34:56.000Z', { cron: '*/5 * * * *', for: '10m', zone: 'UTC' })).toBe(
      'open until 2026-07-01T12:40:00.000Z',
    );
  });

  it.each([
    { cron: 'whenever', for: '1h', zone: 'UTC' },
    { cron: '0 2 * * *', for: 'long', zone: 'UTC' },
    { cron: '0 2 * * *', for: '1h', zone: 'Atlantis/Main' },
    { cron: '0 0 30 2 *', for: '1h', zone: 'UTC' },
  ])('is never open where it cannot be read, or has no instant: %o', (window) => {
    expect(windowAt([window], Date.parse('2026-07-01T02:30:00.000Z'))).toEqual({ open: false });
  });

  it('opens exactly at the instant that it names, in any zone', () => {
    const zone = fc.constantFrom('UTC', 'Europe/Warsaw', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe');
    const hours = fc.integer({ min: 0, max: 24 * 366 });
    let closed = 0;
    fc.assert(
      fc.property(zone, hours, fc.integer({ min: 0, max: 23 }), (name, hour, opens) => {
        const window = { cron: `15 ${opens} * * *`, for: '90m', zone: name };
        const state = windowAt([window], Date.parse('2026-01-01T00:00:00.000Z') + hour * 3_600_000);
        if (state.opensAt === undefined) return;
        closed += 1;
        expect(windowAt([window], state.opensAt - 1).open).toBe(false);
        expect(windowAt([window], state.opensAt)).toMatchObject({ open: true, closesAt: state.opensAt + 90 * 60_000 });
        expect(windowAt([window], state.opensAt + 90 * 60_000).open).toBe(false);
      }),
      { numRuns: 200 },
    );
    expect(closed).toBeGreaterThan(100);
  });
});
