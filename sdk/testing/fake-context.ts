/**
 * What the plugin host gives to a plugin, in small, for the tests of a plugin: a clock that stands still, a log and a store
 * that are kept in memory, and the facts that it emitted. `end` ends it as the host does: abort, stop, undos last first.
 */
import type { Clock } from '../src/clock.ts';
import { LabError } from '../src/errors.ts';
import type { Contracts, Extras, Plugin, PluginKind } from '../src/plugin.ts';
import type { Token } from '../src/token.ts';
import { CLOCK, EMIT, LOG, type NodePlace, PLACE, STORE, type Store } from '../src/tokens.ts';
import { FakeClock } from './fake-clock.ts';
import { KeptFacts } from './kept-facts.ts';
import { KeptLog } from './kept-log.ts';

export interface FakeContextOptions<C extends Clock> {
  /** A `FakeClock` unless told. */
  readonly clock?: C;
  /** Where its folders are; a test of a plugin that writes gives folders that exist. */
  readonly place?: Partial<NodePlace>;
}

export class FakeContext<C extends Clock = FakeClock> {
  readonly clock: C;
  readonly log = new KeptLog();
  /** What was emitted, in order. */
  readonly facts = new KeptFacts();
  readonly store = new KeptStore();
  readonly place: NodePlace;
  readonly #services = new Map<string, unknown>();
  readonly #controller = new AbortController();
  readonly #undos: (() => void | Promise<void>)[] = [];
  #made: Contracts[PluginKind] | undefined;

  constructor(options: FakeContextOptions<C> = {}) {
    this.clock = options.clock ?? (new FakeClock() as Clock as C);
    this.place = {
      node: 'piha',
      root: '/lab',
      stateDir: '/lab/state/plugin',
      logsDir: '/lab/logs',
      bootId: 'boot-1',
      ...options.place,
    };
    this.give(CLOCK, this.clock);
    this.give(LOG, this.log);
    this.give(STORE, this.store);
    this.give(PLACE, this.place);
    this.give(EMIT, this.facts.emit);
  }

  /** Offers something more, or something else for one of the kernel's tokens. */
  give<T>(token: Token<T>, value: T): void {
    this.#services.set(token.id, value);
  }

  /** Parses the config and calls `setup`. Throws a ZodError, or `invalid` that names every need that is not given. */
  setup<K extends PluginKind>(plugin: Plugin & { readonly kind: K }, config: unknown = {}): Contracts[K] & Extras {
    const services: Record<string, unknown> = {};
    const lacks: string[] = [];
    for (const [name, { id }] of Object.entries(plugin.needs)) {
      if (this.#services.has(id)) services[name] = this.#services.get(id);
      else lacks.push(id);
    }
    if (lacks.length > 0) throw new LabError('invalid', `${plugin.id} needs ${lacks.join(', ')}`, { at: plugin.id });
    const made = plugin.setup({
      config: plugin.config.parse(config),
      services,
      signal: this.#controller.signal,
      defer: (undo) => void this.#undos.push(undo),
    });
    this.#made = made;
    // `definePlugin` lets no setup compile that gives another kind's contract.
    return made as Contracts[K] & Extras;
  }

  /** The signal that `start` is given. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Abort, stop, undos last first. A second call does nothing. */
  async end(): Promise<void> {
    const made = this.#made;
    this.#made = undefined;
    this.#controller.abort(new LabError('cancelled', 'the plugin ends'));
    await made?.stop();
    for (const undo of this.#undos.splice(0).reverse()) await undo();
  }
}

/** A store in memory. */
export class KeptStore implements Store {
  readonly files = new Map<string, string>();

  async read(path: string): Promise<Uint8Array | undefined> {
    const data = this.files.get(path);
    return data === undefined ? undefined : new TextEncoder().encode(data);
  }

  async replace(path: string, data: string): Promise<void> {
    this.files.set(path, data);
  }

  async remove(path: string): Promise<void> {
    for (const file of [...this.files.keys()])
      if (file === path || file.startsWith(`${path}/`)) this.files.delete(file);
  }

  async list(dir: string): Promise<readonly string[]> {
    const names = new Set<string>();
    for (const file of this.files.keys())
      if (file.startsWith(`${dir}/`)) names.add(file.slice(dir.length + 1).split('/')[0] ?? '');
    return [...names].sort();
  }
}
