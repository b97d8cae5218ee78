import { CLOCK, definePlugin, EMIT, type Emit, type HealthSource, type Plugin, type Token, token } from '@lab/sdk';
import { settle } from '@lab/sdk/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { House, source, thrown } from '../../testing/plugin-house.ts';
import { Scope } from '../container.ts';
import { attribute } from './host.ts';

describe('what is checked before anything runs', () => {
  it('is all problems at once, each with its plugin and path', () => {
    const needy = definePlugin({
      id: 'health.needy',
      kind: 'health',
      sdk: 1,
      roles: ['edge'],
      config: z.strictObject({}),
      needs: { one: token('one'), clock: CLOCK, two: token('two') },
      capabilities: [],
      setup: () => expect.unreachable(),
    });
    const future: Plugin = { ...source('health.future'), sdk: 2 };
    const error = thrown(
      () =>
        new House([source('health.http'), source('health.twice'), source('health.twice'), future, needy], {
          configs: new Map<string, unknown>([
            ['health.htpp', {}],
            ['health.http', { url: 7, port: 1 }],
          ]),
        }),
    );
    expect(error.code).toBe('invalid');
    expect(error.message.split('\n')).toEqual([
      'plugins: health.htpp: unknown plugin "health.htpp", did you mean health.http?',
      expect.stringMatching(/^plugins: health\.http: url: Invalid input: expected string/),
      expect.stringMatching(/^plugins: health\.http: Unrecognized key: "port"/),
      'plugins: health.twice: two plugins have the id health.twice',
      'plugins: health.future: made for version 2 of the SDK, this is 1',
      'plugins: health.needy: needs one, two, which nothing provides for role edge',
    ]);
    expect(error.data?.problems).toHaveLength(6);
  });

  it('leaves out what is for another role, and shows as disabled what is switched off or waits for its configuration', async () => {
    const prometheus = definePlugin({
      id: 'health.prometheus',
      kind: 'health',
      sdk: 1,
      roles: ['edge'],
      config: z.strictObject({ url: z.url() }),
      needs: {},
      capabilities: [],
      setup: () => expect.unreachable(),
    });
    const hubOnly: Plugin = { ...source('health.hub'), roles: ['hub'] };
    const { host } = new House([hubOnly, prometheus, source('health.blocked')], {
      disabled: new Map([['health.blocked', 'it blocked the daemon twice']]),
    });
    await host.start();
    expect(host.views().map(({ id, state, reason }) => ({ id, state, reason }))).toEqual([
      {
        id: 'health.prometheus',
        state: 'disabled',
        reason: 'not configured: plugins.health.prometheus in lab.yaml',
      },
      { id: 'health.blocked', state: 'disabled', reason: 'it blocked the daemon twice' },
    ]);
    expect(thrown(() => host.handle('health.hub')).code).toBe('not_found');
    expect(thrown(() => host.handle('health.blocked').covers({} as never)).message).toContain(
      'blocked the daemon twice',
    );
    await host.stop();
    expect(host.views().map(({ state }) => state)).toEqual(['disabled', 'disabled']);
  });

  it('gives the plugin its parsed config and what was wired for it alone', async () => {
    const PLACE = token<string>('its-place');
    const needs: { place: Token<string> } = { place: PLACE };
    const told: string[] = [];
    const placed = (id: `health.${string}`): Plugin =>
      definePlugin({
        id,
        kind: 'health',
        sdk: 1,
        roles: ['edge'],
        config: z.strictObject({ url: z.string().default('the default') }),
        needs,
        capabilities: [],
        setup: ({ config, services }) => {
          told.push(`${config.url} ${services.place}`);
          return source(id).setup({
            config,
            services: {},
            signal: AbortSignal.any([]),
            defer: () => {},
          }) as HealthSource;
        },
      });
    const { host } = new House([placed('health.a'), placed('health.b')], {
      configs: new Map([['health.b', { url: 'given' }]]),
      wire: (id, scope) => scope.value(PLACE, `/state/${id}`),
    });
    await host.start();
    expect(told).toEqual(['the default /state/health.a', 'given /state/health.b']);
  });
});

describe('a handle', () => {
  it('survives the lives of its plugin, says why nobody answers between them, and keeps plain values', async () => {
    const house = new House([
      source('health.two', (_, life) => ({
        covers: () => life === 2,
        watch: () => {
          if (life === 1) throw new TypeError('spoiled');
        },
      })),
    ]);
    const health = house.host.handle('health.two');
    expect(thrown(() => health.source).code).toBe('plugin_failed');
    await house.host.start();
    expect(health.source).toBe('health.two');
    expect(health.covers({} as never)).toBe(false);
    expect(thrown(() => health.watch({} as never)).message).toBe('health.two: watch failed: spoiled');
    const between = thrown(() => health.covers({} as never));
    expect(between.message).toBe('health.two: no covers now, it is degraded: watch: spoiled');
    expect(between.hint).toBe('it is tried again at 2026-01-01T00:00:01.000Z');
    expect(health.source).toBe('health.two');
    await house.clock.advance(1_000);
    expect(health.covers({} as never)).toBe(true);
    expect(thrown(() => health.stop()).message).toContain('by the plugin host alone');
  });
});

describe('whose code runs', () => {
  it('is marked while it holds the thread, timers too, and the one before is marked again after a nested call', async () => {
    const house = new House([
      source('health.outer', ({ services }) => ({
        watch: () => house.host.handle('health.inner').watch({} as never),
        start: async () => void services.clock.after(10, () => {}),
      })),
      source('health.inner'),
    ]);
    await house.host.start();
    house.marks.length = 0;
    house.host.handle('health.outer').watch({} as never);
    expect(house.marks).toEqual(['health.outer', 'health.inner', 'health.outer', null]);
    house.marks.length = 0;
    await house.clock.advance(10);
    expect(house.marks).toEqual(['health.outer', null]);
  });

  it('is known for what nothing catches: a promise nobody waits for, a timer of its own; not for what emit does', async () => {
    const caught: { from: string | undefined; message: string }[] = [];
    const note = (cause: unknown): void => void caught.push({ from: attribute(cause), message: String(cause) });
    const before = {
      rejection: process.listeners('unhandledRejection'),
      exception: process.listeners('uncaughtException'),
    };
    process.removeAllListeners('unhandledRejection').removeAllListeners('uncaughtException');
    process.on('unhandledRejection', note).on('uncaughtException', note);
    try {
      for (const how of ['promise', 'timer', 'emit']) {
        const house = new House(
          [
            source('health.wild', ({ services }) => ({
              watch: () => {
                if (how === 'promise') void Promise.resolve().then(() => Promise.reject(new Error(how)));
                if (how === 'timer')
                  setImmediate(() => {
                    throw new Error(how);
                  });
                if (how === 'emit') void services.emit({} as never);
              },
            })),
          ],
          { wire: (_, scope) => void scope, parent: emitting(() => void Promise.reject(new Error('emit'))) },
        );
        await house.host.start();
        house.host.handle('health.wild').watch({} as never);
        await settle();
        expect(house.view('health.wild').state).toBe(how === 'emit' ? 'running' : 'degraded');
      }
    } finally {
      process.removeAllListeners('unhandledRejection').removeAllListeners('uncaughtException');
      for (const listener of before.rejection) process.on('unhandledRejection', listener);
      for (const listener of before.exception) process.on('uncaughtException', listener);
    }
    expect(caught).toEqual([
      { from: 'health.wild', message: 'Error: promise' },
      { from: 'health.wild', message: 'Error: timer' },
      { from: undefined, message: 'Error: emit' },
    ]);
  });
});

function emitting(work: () => void): Scope {
  const parent = Scope.root('edge');
  parent.value<Emit>(EMIT, async () => {
    work();
    return { id: 'x', seq: 1 };
  });
  return parent;
}
