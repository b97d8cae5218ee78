/**
 * Loads, isolates, restarts and stops the plugins of one role on one node.
 *
 * Life cycle of each: scope and setup (synchronous wiring), start(signal) within its deadline, running; to stop: abort, stop()
 * within its deadline, undos and scope. One that throws, rejects or misses a deadline is degraded and tried again; the others
 * go on, and no method here but the constructor throws for a plugin's fault.
 *
 * INVARIANTS: the kernel calls plugins only through `call` and the handles; a handle outlives every life of its plugin; what a
 * plugin asks for comes from a scope of its own, below `parent`, with a clock and a log of its own.
 * It does not find plugins (compose.ts names them), nor end a plugin that blocks the thread (the daemon's parent does).
 */
import {
  CLOCK,
  type Clock,
  type Contracts,
  EMIT,
  LabError,
  LOG,
  type Log,
  type Plugin,
  type PluginKind,
  type ResourceApplier,
  type ResourceType,
  type Role,
  type Token,
} from '@lab/sdk';
import type { Scope } from '../container.ts';
import { type CallLimit, Calls } from './calls.ts';
import { checkPlugins, type PluginProblem } from './check.ts';
import { type Mark, outside, tenant } from './door.ts';
import { applierHandle, handle, resourceHandle } from './handle.ts';
import { Lives, type Made, type PluginState } from './life.ts';
import { RULES } from './limits.ts';

export interface HostOptions {
  readonly plugins: readonly Plugin[];
  readonly role: Role;
  /** `plugins` of lab.yaml: id to config. */
  readonly configs: ReadonlyMap<string, unknown>;
  /** Has what the kernel offers; CLOCK and LOG are wrapped for each plugin. */
  readonly parent: Scope;
  readonly clock: Clock;
  readonly log: Log;
  /**
   * Adds tokens for one plugin alone, such as PLACE with its folder. Registers only: it runs for each life, and to check.
   * An EMIT that is given here, not in `parent`, is not put behind `outside` by the host.
   */
  readonly wire?: (pluginId: string, scope: Scope) => void;
  /** Ids that are not to run, with the reason. */
  readonly disabled?: ReadonlyMap<string, string>;
  readonly mark?: Mark;
  readonly onStateChange?: (state: PluginState) => void;
}

const UNMARKED: Mark = () => null;

export class PluginHost {
  readonly #options: HostOptions;
  readonly #calls: Calls;
  readonly #lives: ReadonlyMap<string, Lives>;

  /** Throws one `invalid` with every problem, in `data.problems` too (`PluginProblem`). */
  constructor(options: HostOptions) {
    this.#options = options;
    const mark = options.mark ?? UNMARKED;
    this.#calls = new Calls(options.clock, mark);
    const { accepted, problems } = checkPlugins(options.plugins, options.role, options.configs, (plugin, token) =>
      this.#provides(plugin, token),
    );
    if (problems.length > 0) throw asOne(problems);
    this.#lives = new Map(
      accepted.map(({ plugin, config, disabled }) => [
        plugin.id,
        new Lives({
          plugin,
          config,
          clock: options.clock,
          log: options.log,
          mark,
          openScope: (of, clock) => this.#openScope(of, clock),
          onStateChange: (state) => outside(() => options.onStateChange?.(state)),
          disabled: options.disabled?.get(plugin.id) ?? disabled,
        }),
      ]),
    );
  }

  /** Resolves once each plugin runs or is degraded. */
  async start(): Promise<void> {
    await Promise.all([...this.#lives.values()].map((lives) => lives.start()));
  }

  /** Last first. Resolves once every plugin has ended or was given up. */
  async stop(): Promise<void> {
    for (const lives of [...this.#lives.values()].reverse()) await lives.stop();
  }

  views(): PluginState[] {
    return [...this.#lives.values()].map((lives) => lives.view);
  }

  /** Event types that the plugins of this role add. */
  get plugins(): readonly Plugin[] {
    return [...this.#lives.values()].map((lives) => lives.plugin);
  }

  /** A contract that may be kept: calls go to the present life, or throw `plugin_failed`. Throws `not_found` for one that is not here. */
  handle<K extends PluginKind>(id: `${K}.${string}`): Contracts[K] {
    const lives = this.#find(id);
    return this.#guard(lives.plugin.kind as K, lives);
  }

  /** The handles of one kind whose plugins run now. */
  contracts<K extends PluginKind>(kind: K): { readonly id: string; readonly contract: Contracts[K] }[] {
    return this.#running()
      .filter((lives) => lives.plugin.kind === kind)
      .map((lives) => ({ id: lives.plugin.id, contract: this.#guard(kind, lives) }));
  }

  /** Resource types of the plugins that run now, guarded. */
  resources(): ResourceType[] {
    return this.#running().flatMap((lives) =>
      (lives.last?.resources ?? []).map((type) => resourceHandle(this.#calls, lives, type)),
    );
  }

  appliers(): ResourceApplier[] {
    return this.#running().flatMap((lives) =>
      (lives.last?.appliers ?? []).map((applier) => applierHandle(this.#calls, lives, applier.id)),
    );
  }

  /** For what no contract names. Rejects as `Calls` says. */
  call<T>(id: string, what: string, run: (made: Made) => T | Promise<T>, limit: CallLimit = {}): Promise<T> {
    return this.#calls.call(this.#find(id), what, run, limit);
  }

  #guard<K extends PluginKind>(kind: K, lives: Lives): Contracts[K] {
    // A plugin's setup returns its kind's contract: definePlugin does not compile otherwise.
    return handle<Contracts[K]>(this.#calls, lives, RULES[kind], (made) => made as Contracts[K]);
  }

  #running(): Lives[] {
    return [...this.#lives.values()].filter((lives) => lives.running);
  }

  #find(id: string): Lives {
    const lives = this.#lives.get(id);
    if (lives === undefined) throw new LabError('not_found', `there is no plugin ${id} here`, { at: id });
    return lives;
  }

  #openScope(plugin: Plugin, clock: Clock): Scope {
    const { parent, log, wire } = this.#options;
    const scope = parent.child(`plugin ${plugin.id}`);
    scope.value(CLOCK, clock);
    scope.value(LOG, log.with({ plugin: plugin.id }));
    wire?.(plugin.id, scope);
    // What the kernel does to write an event is not the plugin's doing.
    if (parent.has(EMIT) && !scope.owns(EMIT))
      scope.factory(EMIT, () => {
        const emit = parent.resolve(EMIT);
        return (fact) => outside(() => emit(fact));
      });
    return scope;
  }

  #provides(plugin: Plugin, token: Token<unknown>): boolean {
    const scope = this.#openScope(plugin, this.#options.clock);
    const has = scope.has(token);
    void scope.dispose();
    return has;
  }
}

/**
 * For the process's handlers of uncaughtException and unhandledRejection, called synchronously from them: the id of the plugin whose code it
 * came from, which is then degraded and restarted; undefined where it is a fault of the kernel's.
 */
export function attribute(cause: unknown): string | undefined {
  const from = tenant();
  if (from === undefined) return undefined;
  outside(() => from.failed('an error that nothing caught', cause));
  return from.id;
}

function asOne(problems: readonly PluginProblem[]): LabError {
  const lines = problems.map(({ path, message }) => `plugins: ${path.join(': ')}: ${message}`);
  return new LabError('invalid', lines.join('\n'), {
    at: 'lab.yaml',
    hint: 'correct plugins in lab.yaml, see docs/plugins.md',
    data: { problems },
  });
}
