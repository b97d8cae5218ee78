/** What the tests of the plugin host share: a health source that can be spoiled at every step, and a host around it. */
import {
  CLOCK,
  definePlugin,
  EMIT,
  type Emit,
  type HealthSource,
  LabError,
  type Plugin,
  type SetupContext,
} from '@lab/sdk';
import { FakeClock, KeptLog } from '@lab/sdk/testing';
import { z } from 'zod';
import { Scope } from '../src/container.ts';
import { type HostOptions, PluginHost } from '../src/plugins/host.ts';
import type { PluginState } from '../src/plugins/life.ts';

const NEEDS = { clock: CLOCK, emit: EMIT };
export type Context = SetupContext<{ url: string }, typeof NEEDS>;

/** A health source whose every step a test can spoil; each life is told its number, from 1. */
export function source(
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

export class House {
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

export async function failure(promise: Promise<unknown>): Promise<LabError> {
  const cause = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(cause instanceof LabError)) throw new Error(`no LabError but ${String(cause)}`);
  return cause;
}

export function thrown(run: () => unknown): LabError {
  try {
    run();
  } catch (cause) {
    if (cause instanceof LabError) return cause;
  }
  throw new Error('no LabError was thrown');
}

export const HANG = new Promise<never>(() => {});
