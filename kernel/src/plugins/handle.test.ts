import { LabError, type Plugin, type ResourceApplier, type ResourceType, type ServiceProvider } from '@lab/sdk';
import { FakeClock, KeptLog, settle } from '@lab/sdk/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Scope } from '../container.ts';
import { PluginHost } from './host.ts';

interface Extra {
  readonly resources?: readonly ResourceType[];
  readonly appliers?: readonly ResourceApplier[];
}

async function running(
  spoil: Partial<ServiceProvider> & Extra,
): Promise<{ host: PluginHost; clock: FakeClock; marks: string[] }> {
  const provider: Partial<ServiceProvider> & Extra = {
    runtime: 'fake',
    start: async () => {},
    stop: async () => {},
    ...spoil,
  };
  const plugin: Plugin = {
    id: 'provider.fake',
    kind: 'provider',
    sdk: 1,
    roles: ['edge'],
    config: z.strictObject({}),
    needs: {},
    capabilities: [],
    setup: () => provider as ServiceProvider,
  };
  const clock = new FakeClock();
  const marks: string[] = [];
  let current: string | null = null;
  const host = new PluginHost({
    plugins: [plugin],
    role: 'edge',
    configs: new Map(),
    parent: Scope.root('edge'),
    clock,
    log: new KeptLog(),
    mark: (id) => {
      const before = current;
      current = id;
      marks.push(id ?? '-');
      return before;
    },
  });
  await host.start();
  marks.length = 0;
  return { host, clock, marks };
}

const state = (host: PluginHost): string | undefined => host.views()[0]?.state;
const RUN = { run: '01J', output: () => {} };

describe("a provider's handle", () => {
  it('bounds a run by its own signal only, and asks with a deadline', async () => {
    const never = new Promise<never>(() => {});
    const { host, clock } = await running({ restart: () => never, observe: () => never });
    const provider = host.handle('provider.fake');
    const caller = new AbortController();
    const restart = provider
      .restart({} as never, { ...RUN, signal: caller.signal })
      .catch((cause: LabError) => cause.message);
    await clock.advance(3_600_000);
    expect(state(host)).toBe('running');
    caller.abort();
    await clock.advance(60_000);
    expect(await restart).toBe('provider.fake: restart took longer than 60 s');
    await clock.advance(1_000);
    const observe = provider.observe().catch((cause: LabError) => cause.code);
    await clock.advance(60_000);
    expect(await observe).toBe('timeout');
  });

  it('calls methods on their own object', async () => {
    const own = { halted: 0, halt: async () => void own.halted++ };
    const { host } = await running({
      async halt(this: ServiceProvider) {
        expect(this.runtime).toBe('fake');
        await own.halt();
      },
    });
    await host.handle('provider.fake').halt(['a'], { ...RUN, signal: AbortSignal.any([]) }, 'person');
    expect(own.halted).toBe(1);
  });

  it('blames a plugin that lacks a method of its contract', async () => {
    const { host } = await running({});
    await expect(host.handle('provider.fake').observe()).rejects.toThrow('it has no observe');
    expect(state(host)).toBe('degraded');
  });
});

describe('a stream', () => {
  const options = (signal: AbortSignal) => ({ tail: 10, follow: true, signal });
  const read = async (lines: AsyncIterable<string>): Promise<string[]> => {
    const seen: string[] = [];
    try {
      for await (const line of lines) seen.push(line);
    } catch (cause) {
      seen.push(cause instanceof LabError ? cause.code : String(cause));
    }
    return seen;
  };

  it('gives what the plugin gives, marked for each step, and degrades it where that throws', async () => {
    const { host, marks } = await running({
      async *logs() {
        yield 'one';
        yield 'two';
        throw new Error('spoiled');
      },
    });
    const lines = host.handle('provider.fake').logs('s', options(AbortSignal.any([])));
    expect(await read(lines)).toEqual(['one', 'two', 'plugin_failed']);
    expect(marks.filter((mark) => mark === 'provider.fake').length).toBeGreaterThanOrEqual(3);
    expect(state(host)).toBe('degraded');
  });

  it('lets the plugin clean up when its reader leaves, and ends with the life', async () => {
    let cleaned = 0;
    const { host } = await running({
      async *logs() {
        try {
          yield 'one';
          await new Promise(() => {});
        } finally {
          cleaned++;
        }
      },
    });
    const provider = host.handle('provider.fake');
    for await (const _ of provider.logs('s', options(AbortSignal.any([])))) break;
    await settle();
    expect(cleaned).toBe(1);
    const open = read(provider.logs('s', options(AbortSignal.any([]))));
    await settle();
    await host.stop();
    expect(await open).toEqual(['one', 'plugin_failed']);
  });
});

describe('what a plugin adds to the loop', () => {
  const resource = (drifts: ResourceType['drifts']): ResourceType => ({
    id: 'dns-record',
    verbs: { publish: { timeoutMs: 1_000, id: (node) => `publish-${node}` } },
    drifts,
  });

  it('is found while the plugin runs; a generator of drifts is run to its end behind the door', async () => {
    const { host, marks } = await running({
      resources: [
        resource(function* () {
          yield { rule: 'dns_record' } as never;
          yield { rule: 'dns_record' } as never;
        }),
      ],
    });
    const [dns] = host.resources();
    expect(dns?.verbs.publish?.id('piha', null)).toBe('publish-piha');
    marks.length = 0;
    expect([...(dns?.drifts('piha', {} as never) ?? [])]).toHaveLength(2);
    expect(marks).toEqual(['provider.fake', '-']);
    await host.stop();
    expect(host.resources()).toEqual([]);
    expect(host.appliers()).toEqual([]);
  });

  it('that throws half way is no part of an answer, and degrades', async () => {
    const { host } = await running({
      resources: [
        resource(function* () {
          yield { rule: 'dns_record' } as never;
          throw new Error('spoiled');
        }),
      ],
    });
    expect(() => host.resources()[0]?.drifts('piha', {} as never)).toThrow('drifts failed: spoiled');
    expect(state(host)).toBe('degraded');
  });

  it('applies behind the door too', async () => {
    const applier: ResourceApplier = {
      id: 'dns-record',
      preimage: async () => null,
      apply: async () => ({ instance: null, verify: 'none' }),
      trace: async () => ({ state: 'none' }),
      diagnose: () => Promise.reject(new Error('spoiled')),
    };
    const { host } = await running({ appliers: [applier] });
    const [dns] = host.appliers();
    expect(dns?.id).toBe('dns-record');
    const run = { ...RUN, signal: AbortSignal.any([]) };
    await expect(dns?.apply({} as never, run)).resolves.toEqual({ instance: null, verify: 'none' });
    await expect(dns?.diagnose({} as never)).rejects.toMatchObject({ code: 'plugin_failed' });
    expect(state(host)).toBe('degraded');
  });
});
