/**
 * The edge role of one node: it keeps what is approved running, says what it sees, and does what it was granted.
 *
 * Life: 1. `open` reads what is on disk and takes over what lives. 2. `start` keeps what ran, observes, then talks to the hub. 3. `stop`
 * ends talking; with `services` it also stops every service in reverse order of waves, so that the next start keeps them.
 *
 * INVARIANTS: nothing here waits for the hub; what is said is on disk first.
 */
import { join } from 'node:path';
import type { Disk } from '@lab/kernel/disk/disk';
import type { Runner } from '@lab/kernel/executor/run';
import type { HubLink, Told as ToldDocs } from '@lab/kernel/link/link';
import type { EdgeLog } from '@lab/kernel/observer/edge-log';
import type { PluginHost } from '@lab/kernel/plugins/host';
import {
  type Clock,
  type Emit,
  EVENT_CLASSES,
  type HealthSource,
  LabError,
  type LabEvent,
  type Log,
  type ServiceProvider,
  type Timer,
} from '@lab/sdk';
import type { Bundles } from './bundles.ts';
import type { DiskPressure } from './disk-pressure.ts';
import { keep, observe } from './keeping.ts';
import type { LocalWorld } from './local-world.ts';
import { Pump } from './pump.ts';
import type { ServiceSpecs } from './service-specs.ts';
import type { Told } from './told.ts';
import { Watching } from './watching.ts';

const DAY_MS = 86_400_000;
const SNAPSHOT_EVERY_MS = 5 * 60_000;

export interface EdgeParts {
  readonly node: string;
  readonly root: string;
  readonly bootId: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Log;
  readonly link: HubLink;
  readonly events: EdgeLog;
  readonly emit: Emit;
  readonly world: LocalWorld;
  readonly told: Told;
  readonly bundles: Bundles;
  readonly specs: ServiceSpecs;
  readonly host: PluginHost;
  readonly provider: ServiceProvider;
  readonly sources: () => readonly HealthSource[];
  readonly runner: Runner;
  readonly ulid: () => string;
  readonly random: () => number;
  /** Prints the node's world for people and tools; absent where the hub on the same machine does. */
  readonly print: (() => Promise<void>) | undefined;
  readonly pressure: DiskPressure;
  readonly fetchThrough: (pump: Pump) => void;
}

export class Edge {
  readonly #parts: EdgeParts;
  readonly #abort = new AbortController();
  #refused: number | undefined;
  readonly #watching: Watching;
  readonly #pump: Pump;
  readonly #timers: Timer[] = [];
  #talking: Promise<void> | undefined;
  #started = false;
  /** What ran before is known, and kept. */
  #kept = false;

  constructor(parts: EdgeParts) {
    this.#parts = parts;
    const { node, world, specs, sources, log, link, events, clock, bootId, random, told } = parts;
    this.#watching = new Watching({ node, world, specs, sources, clock, log });
    this.#pump = new Pump({
      node,
      bootId,
      link,
      events: sentOf(events),
      clock,
      log,
      random,
      accepted: () => ({
        generation: told.generation,
        desiredHash: told.desiredHash,
        approvedHash: told.approvedHash(),
      }),
      onRenewed: () => this.#renewed(),
      onTime: (timeMs) => parts.runner.heard(timeMs),
      onTold: (docs) => this.#accept(docs),
      onWork: (work) => parts.runner.offer(work.grants, work.cancelled),
    });
    parts.fetchThrough(this.#pump);
  }

  get node(): string {
    return this.#parts.node;
  }

  get parts(): EdgeParts {
    return this.#parts;
  }

  /** What of this edge is shown through a hub in the same process. */
  plugins(): ReturnType<PluginHost['views']> {
    return this.#parts.host.views();
  }

  logs(service: string, options: Parameters<ServiceProvider['logs']>[1]): AsyncIterable<string> {
    return this.#parts.provider.logs(service, options);
  }

  get linkState(): Pump['state'] {
    return this.#pump.state;
  }

  async start(): Promise<void> {
    const { host, provider, emit, log, clock, runner, events, world, print } = this.#parts;
    events.onAppend((appended: readonly LabEvent[]) => {
      for (const event of appended) world.fold(event);
    });
    await host.start();
    this.#kept = (await keep(this.#parts, this.#abort.signal)).known;
    await observe(provider, emit, log);
    this.#started = true;
    this.#watching.start();
    await this.#parts.pressure.start();
    await runner.recover();
    this.#talking = this.#pump.run(this.#abort.signal);
    this.#timers.push(
      clock.every(
        DAY_MS,
        () =>
          void observe(provider, emit, log).catch((cause: unknown) =>
            log.error('the daily observation failed', { reason: String(cause) }),
          ),
      ),
    );
    this.#timers.push(
      clock.every(
        SNAPSHOT_EVERY_MS,
        () =>
          void world
            .save()
            .catch((cause: unknown) => log.warn('the snapshot could not be written', { reason: String(cause) })),
      ),
    );
    if (print !== undefined) {
      await print();
      this.#timers.push(
        clock.every(
          1_000,
          () =>
            void print().catch((cause: unknown) =>
              log.warn('the world could not be printed', { reason: String(cause) }),
            ),
        ),
      );
    }
  }

  /** Ends the role. With `services`, stops every service first, dependents before what they depend on; the next start keeps them. */
  async stop(options: { readonly services: boolean; readonly progress?: (line: string) => void }): Promise<void> {
    const { host, events, world, runner, provider, log } = this.#parts;
    for (const timer of this.#timers) timer.cancel();
    this.#watching.stop();
    this.#parts.pressure.stop();
    await runner.stop();
    this.#abort.abort();
    await this.#talking;
    if (options.services) await this.#haltAll(provider, options.progress ?? (() => {}));
    await host.stop();
    await world
      .save()
      .catch((cause: unknown) => log.warn('the snapshot could not be written', { reason: String(cause) }));
    await events.close();
  }

  /** A plugin began a new life: a source knows no instances, and a provider may tell now what it could not tell before. */
  pluginBack(): void {
    if (!this.#started) return;
    this.#watching.again();
    void this.#lookAgain().catch((cause: unknown) =>
      this.#parts.log.error('what runs could not be looked at again', { reason: String(cause) }),
    );
  }

  async #lookAgain(): Promise<void> {
    const { provider, emit, log } = this.#parts;
    if (!this.#kept) this.#kept = (await keep(this.#parts, this.#abort.signal)).known;
    await observe(provider, emit, log);
  }

  /** A refused document is said once for each generation that was offered. */
  async #accept({ desired, approved }: ToldDocs): Promise<void> {
    const { told, emit } = this.#parts;
    try {
      await told.accept(desired, approved);
    } catch (cause) {
      if (
        cause instanceof LabError &&
        cause.code === 'refused' &&
        cause.data !== undefined &&
        this.#refused !== desired.generation
      ) {
        this.#refused = desired.generation;
        await emit({ type: 'generation_refused', data: cause.data });
      }
      throw cause;
    }
  }

  /** What was carried into a new log is folded under its new place, and what is there is said again. */
  async #renewed(): Promise<void> {
    const { events, world, provider, emit, log } = this.#parts;
    for (const cls of EVENT_CLASSES) for await (const event of events.events(cls, 1)) world.fold(event);
    await observe(provider, emit, log);
  }

  async #haltAll(provider: ServiceProvider, progress: (line: string) => void): Promise<void> {
    const { node, told, ulid, log } = this.#parts;
    const waveOf = (service: string): number => told.entry(service)?.wave ?? Number.MAX_SAFE_INTEGER;
    const running = (await provider.observe())
      .filter((seen) => seen.managed && seen.state === 'running')
      .sort((a, b) => waveOf(b.service) - waveOf(a.service));
    for (const { service } of running) {
      progress(`${node}/${service}`);
      const run = {
        run: `halt-${ulid()}`,
        signal: new AbortController().signal,
        output: (line: string) => log.info(line, { service }),
      };
      await provider
        .halt([service], run, 'daemon')
        .catch((cause: unknown) => log.error('a service could not be stopped', { service, reason: String(cause) }));
    }
  }
}

/** The events of the node's log, as the pump sends them. */
function sentOf(events: EdgeLog): ConstructorParameters<typeof Pump>[0]['events'] {
  return {
    get log() {
      return events.log;
    },
    get epoch() {
      return events.epoch;
    },
    tail: (cls) => events.tail(cls),
    read: (cls, from, maxBytes) => events.read(cls, from, maxBytes),
    acked: (cls, seq) => events.acked(cls, seq),
    renew: () => events.renew(),
    onAppend: (listener) => events.onAppend(() => listener()),
  };
}

/** Where a node keeps its things, below its runtime root. */
export function edgePaths(root: string) {
  return {
    log: join(root, 'edge/log'),
    desired: join(root, 'edge/desired.json'),
    approved: join(root, 'edge/approved.json'),
    bundles: join(root, 'edge/bundles'),
    snapshot: join(root, 'edge/snapshot.json'),
    quarantine: join(root, 'edge/quarantine'),
    plugins: join(root, 'edge/plugins'),
    edge: join(root, 'edge'),
    logs: join(root, 'logs'),
    world: join(root, 'world'),
  } as const;
}
