import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { definePlugin } from '../src/plugin.ts';
import { token } from '../src/token.ts';
import { CLOCK, EMIT, STORE } from '../src/tokens.ts';
import { FakeContext, KeptStore } from './fake-context.ts';

const heard: string[] = [];
const PLUGIN = definePlugin({
  id: 'health.demo',
  kind: 'health',
  sdk: 1,
  roles: ['edge'],
  config: z.strictObject({ everyMs: z.int().default(100) }),
  needs: { clock: CLOCK, emit: EMIT, store: STORE },
  capabilities: [],
  setup: ({ config, services, signal, defer }) => ({
    source: 'demo',
    covers: () => true,
    start: async (given) => {
      expect(given).toBe(signal);
      const timer = services.clock.every(
        config.everyMs,
        () => void services.emit({ type: 'service_healthy' } as never),
      );
      defer(() => timer.cancel());
      defer(() => void heard.push('undo'));
    },
    stop: async () => void heard.push(`stop ${signal.aborted}`),
    watch: () => {},
    unwatch: () => {},
  }),
});

describe('the fake context', () => {
  it('sets up, starts and ends a plugin as the host does, and keeps its facts', async () => {
    const context = new FakeContext();
    const health = context.setup(PLUGIN);
    await health.start(context.signal);
    await context.clock.advance(250);
    expect(context.facts.all).toHaveLength(2);
    heard.length = 0;
    await context.end();
    await context.end();
    expect(heard).toEqual(['stop true', 'undo']);
    expect(context.clock.waiting).toBe(0);
  });

  it('refuses what the host would refuse', () => {
    expect(() => new FakeContext().setup(PLUGIN, { everyMs: 'often' })).toThrow('expected number');
    const needy = { ...PLUGIN, needs: { a: token('a'), clock: CLOCK, b: token('b') } };
    expect(() => new FakeContext().setup(needy)).toThrow('health.demo needs a, b');
  });

  it('keeps files by path, lists folders and removes what is below one', async () => {
    const store = new KeptStore();
    for (const path of ['/s/b/2', '/s/a', '/s/b/1']) await store.replace(path, path);
    expect(await store.list('/s')).toEqual(['a', 'b']);
    expect(new TextDecoder().decode(await store.read('/s/b/1'))).toBe('/s/b/1');
    await store.remove('/s/b');
    expect(await store.list('/s')).toEqual(['a']);
    expect(await store.read('/s/b/1')).toBeUndefined();
    expect(await store.list('/none')).toEqual([]);
  });
});
