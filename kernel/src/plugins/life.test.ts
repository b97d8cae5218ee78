import type { HealthSource, Plugin } from '@lab/sdk';
import { settle } from '@lab/sdk/testing';
import { describe, expect, it } from 'vitest';
import { type Context, HANG, House, source } from '../../testing/plugin-house.ts';

describe('a plugin that fails', () => {
  const failing: Record<string, (context: Context, life: number) => Partial<HealthSource>> = {
    'throws in setup': (_, life) => {
      if (life === 1) throw new Error('spoiled');
      return {};
    },
    'rejects in start': (_, life) => ({
      start: async () => (life === 1 ? Promise.reject(new Error('spoiled')) : undefined),
    }),
    'throws in start': (_, life) => ({
      start: () => {
        if (life === 1) throw new Error('spoiled');
        return Promise.resolve();
      },
    }),
  };
  for (const [how, spoil] of Object.entries(failing))
    it(`and ${how} is degraded, tried again after 1 s, and disturbs no other`, async () => {
      const house = new House([source('health.bad', spoil), source('health.good')]);
      await house.host.start();
      expect(house.view('health.good').state).toBe('running');
      expect(house.view('health.bad')).toMatchObject({
        state: 'degraded',
        reason: expect.stringContaining('spoiled'),
        restarts: 0,
        nextTry: '2026-01-01T00:00:01.000Z',
        capabilities: ['net.http'],
      });
      expect(house.host.contracts('health').map(({ id }) => id)).toEqual(['health.good']);
      await house.clock.advance(999);
      expect(house.view('health.bad').state).toBe('degraded');
      await house.clock.advance(1);
      expect(house.view('health.bad')).toMatchObject({ state: 'running', restarts: 1 });
      expect(house.view('health.bad').reason).toBeUndefined();
      expect(house.changes.filter((line) => line.includes('bad'))).toEqual([
        'health.bad starting',
        'health.bad degraded',
        'health.bad starting',
        'health.bad running',
      ]);
      await house.host.stop();
      expect(house.clock.waiting).toBe(0);
    });

  it('and gives a promise for its contract is told where I/O belongs', async () => {
    const late: Plugin = { ...source('health.late'), setup: () => Promise.resolve({}) as never };
    const house = new House([late]);
    await house.host.start();
    expect(house.view('health.late').reason).toContain('I/O belongs in start');
  });

  it('and misses its deadline at start is degraded without holding up the others', async () => {
    const house = new House([source('health.slow', () => ({ start: () => HANG })), source('health.good')]);
    const started = house.host.start();
    await settle();
    expect(house.view('health.good').state).toBe('running');
    await house.clock.advance(30_000);
    await started;
    expect(house.view('health.slow')).toMatchObject({ state: 'degraded', reason: 'start took longer than 30 s' });
  });

  it('waits twice as long each time up to 5 min, and from the start again after a long life', async () => {
    let fail: (() => void) | undefined;
    const house = new House([
      source('health.bad', ({ services }, life) => ({
        start: async () => {
          if (life <= 11) throw new Error(`life ${life}`);
          fail = () =>
            services.clock.after(0, () => {
              throw new Error('later');
            });
        },
      })),
    ]);
    await house.host.start();
    const waits: number[] = [];
    while (house.view('health.bad').state === 'degraded') {
      const waitMs = Date.parse(house.view('health.bad').nextTry ?? '') - house.clock.now();
      waits.push(waitMs / 1000);
      await house.clock.advance(waitMs);
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    await house.clock.advance(5 * 60_000 + 1_000);
    fail?.();
    await house.clock.advance(0);
    expect(house.view('health.bad')).toMatchObject({
      state: 'degraded',
      nextTry: new Date(house.clock.now() + 1_000).toISOString(),
    });
  });

  it('hears abort, then stop, then its undos last first; an end that hangs is given up', async () => {
    const heard: string[] = [];
    const house = new House([
      source('health.bad', ({ signal, defer }, life) => {
        signal.addEventListener('abort', () => heard.push(`${life} abort`));
        defer(() => void heard.push(`${life} first undo`));
        defer(() => void heard.push(`${life} second undo`));
        return {
          start: async () => (life === 1 ? Promise.reject(new Error('spoiled')) : undefined),
          stop: () => {
            heard.push(`${life} stop`);
            return life === 2 ? HANG : Promise.resolve();
          },
        };
      }),
    ]);
    await house.host.start();
    const firstEnd = ['1 abort', '1 stop', '1 second undo', '1 first undo'];
    expect(heard).toEqual(firstEnd);
    await house.clock.advance(1_000);
    const stopped = house.host.stop();
    await house.clock.advance(10_000);
    await stopped;
    expect(heard.slice(4)).toEqual(firstEnd.map((line) => line.replace('1', '2')));
    expect(house.view('health.bad')).toMatchObject({ state: 'stopped', reason: 'stop took longer than 10 s' });
  });

  it('and leaves timers behind has them cancelled, and that is said', async () => {
    let ticks = 0;
    const house = new House([
      source('health.leaky', ({ services }) => ({
        start: async () => {
          services.clock.every(1_000, () => ticks++);
          services.clock.after(500, () => {});
          services.clock.after(60_000, () => {}).cancel();
        },
      })),
    ]);
    await house.host.start();
    await house.clock.advance(2_000);
    expect(ticks).toBe(2);
    await house.host.stop();
    expect(house.view('health.leaky')).toMatchObject({ state: 'stopped', reason: '1 timer left, now cancelled' });
    await house.clock.advance(5_000);
    expect(ticks).toBe(2);
    expect(house.clock.waiting).toBe(0);
  });
});
