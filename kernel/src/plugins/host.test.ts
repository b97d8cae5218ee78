import {
  CLOCK,
  definePlugin,
  EMIT,
  type Emit,
  type HealthSource,
  LabError,
  type Plugin,
  type SetupContext,
  type Token,
  token,
} from '@lab/sdk';
import { FakeClock, KeptLog, settle } from '@lab/sdk/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Scope } from '../container.ts';
import { attribute, type HostOptions, PluginHost } from './host.ts';
import type { PluginState } from './life.ts';

const NEEDS = { clock: CLOCK, emit: EMIT };
type Context = SetupContext<{ url: string }, typeof NEEDS>;

/** A health source whose every step a test can spoil; each life is told its number, from 1. */
function source(
  id: `health.${string}`,
  spoil: (context: Context, life: number) => Partial<HealthSource> = () => ({}),
): Plugin {
  let life = 0;
  return definePlugin({
    id,
    kind: 'health',
    sdk: 1,
    roles: ['edge'],
    config: z.strictObject({ url: z.string().default('none') }),
    needs: NEEDS,
    capabilities: ['net.http'],
    setup: (context) => ({
      source: id,
      covers: () => true,
      start: async () => {},
      stop: async () => {},
      watch: () => {},
      unwatch: () => {},
      ...spoil(context, ++life),
    }),
  });
}

class House {
  readonly clock = new FakeClock();
  readonly log = new KeptLog();
  readonly changes: string[] = [];
  readonly marks: (string | null)[] = [];
  readonly parent = Scope.root('edge');
  readonly host: PluginHost;
  #mark: string | null = null;

  constructor(plugins: readonly Plugin[], options: Partial<HostOptions> = {}) {
    this.parent.value<Emit>(EMIT, async () => ({ id: 'x', seq: 1 }));
    this.host = new PluginHost({
      plugins,
      role: 'edge',
      configs: new Map(),
      parent: this.parent,
      clock: this.clock,
      log: this.log,
      mark: (id) => {
        const before = this.#mark;
        this.#mark = id;
        this.marks.push(id);
        return before;
      },
      onStateChange: (state) => this.changes.push(`${state.id} ${state.state}`),
      ...options,
    });
  }

  view(id: string): PluginState {
    const view = this.host.views().find((one) => one.id === id);
    if (view === undefined) throw new Error(`no ${id}`);
    return view;
  }
}

async function failure(promise: Promise<unknown>): Promise<LabError> {
  const cause = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(cause instanceof LabError)) throw new Error(`no LabError but ${String(cause)}`);
  return cause;
}

function thrown(run: () => unknown): LabError {
  try {
    run();
  } catch (cause) {
    if (cause instanceof LabError) return cause;
  }
  throw new Error('no LabError was thrown');
}

const HANG = new Promise<never>(() => {});

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

describe('a call', () => {
  const house = async (): Promise<House> => {
    const made = new House([source('health.x')]);
    await made.host.start();
    return made;
  };

  it('passes on what the plugin answers, a LabError too, and degrades nobody', async () => {
    const { host, view } = await house().then((h) => ({ host: h.host, view: () => h.view('health.x') }));
    await expect(host.call('health.x', 'add', async () => 2)).resolves.toBe(2);
    const no = await failure(
      host.call('health.x', 'ask', async () => Promise.reject(new LabError('unreachable', 'no'))),
    );
    expect(no.code).toBe('unreachable');
    expect(view().state).toBe('running');
  });

  it('that rejects with anything else, or with internal, degrades', async () => {
    for (const cause of [new TypeError('x is undefined'), new LabError('internal', 'odd'), 'a string']) {
      const h = await house();
      const error = await failure(h.host.call('health.x', 'ask', () => Promise.reject(cause)));
      expect(error).toMatchObject({ code: 'plugin_failed', at: 'health.x' });
      expect(h.view('health.x').state).toBe('degraded');
    }
  });

  it('that misses its deadline is a timeout and degrades', async () => {
    const h = await house();
    const missed = failure(h.host.call('health.x', 'ask', () => HANG, { deadlineMs: 5_000 }));
    await h.clock.advance(4_999);
    expect(h.view('health.x').state).toBe('running');
    await h.clock.advance(1);
    expect(await missed).toMatchObject({ code: 'timeout', message: 'health.x: ask took longer than 5 s' });
    expect(h.view('health.x').reason).toBe('ask took longer than 5 s');
  });

  it('that its caller aborts is cancelled if it obeys in time, else degrades', async () => {
    for (const obeys of [true, false]) {
      const h = await house();
      const caller = new AbortController();
      const { signal } = caller;
      const run = (): Promise<never> =>
        obeys ? new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))) : HANG;
      const ended = failure(h.host.call('health.x', 'deploy', run, { signal, graceMs: 60_000 }));
      await h.clock.advance(3_600_000);
      caller.abort(new Error('enough'));
      await h.clock.advance(60_000);
      expect((await ended).code).toBe(obeys ? 'cancelled' : 'timeout');
      expect(h.view('health.x').state).toBe(obeys ? 'running' : 'degraded');
    }
  });

  it('under way when the life ends is failed at once', async () => {
    const h = await house();
    const hanging = failure(h.host.call('health.x', 'observe', () => HANG));
    await h.host.stop();
    expect(await hanging).toMatchObject({ code: 'plugin_failed', message: 'health.x ended during observe' });
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
