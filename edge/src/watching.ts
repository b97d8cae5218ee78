/**
 * Which instances the health sources judge: each new life from the node's own fold, until it ends.
 *
 * What cannot be watched yet (its bundle is gone from the disk, and the hub not there to give it again) is tried again: a service that
 * nobody looks at would look well for ever.
 */
import {
  type Clock,
  type HealthSource,
  type JournalEvent,
  type Log,
  messageOf,
  type ServiceRow,
  serviceKey,
  type Timer,
} from '@lab/sdk';
import type { LocalWorld } from './local-world.ts';
import type { ServiceSpecs } from './service-specs.ts';

export interface WatchingArgs {
  readonly node: string;
  readonly world: LocalWorld;
  readonly specs: ServiceSpecs;
  readonly sources: () => readonly HealthSource[];
  readonly clock: Clock;
  readonly log: Log;
}

const RETRY_MS = 2_000;

export class Watching {
  readonly #args: WatchingArgs;
  /** Service -> the instance that is watched. */
  readonly #watched = new Map<string, string>();
  #stop: () => void = () => {};
  /** Service -> why it could not be watched. */
  readonly #said = new Map<string, string>();
  #stopped = false;
  #retry: Timer | undefined;

  constructor(args: WatchingArgs) {
    this.#args = args;
  }

  /** Watches what is there now, and from now on follows what comes and goes. */
  start(): void {
    this.#followAll();
    this.#stop = this.#args.world.onFolded((event) => this.#heard(event));
  }

  stop(): void {
    this.#stopped = true;
    this.#retry?.cancel();
    this.#stop();
  }

  /** A source that was restarted knows nothing: it is told all of them again. */
  again(): void {
    this.#watched.clear();
    this.#followAll();
  }

  #followAll(): void {
    const { world, node } = this.#args;
    for (const row of world.view.rows<ServiceRow>('health', 'service').values())
      if (row.node === node) this.#follow(row);
  }

  #heard(event: JournalEvent): void {
    // What an observation does not name is gone, if it is complete: every row may have changed.
    if (event.type === 'services_observed') {
      this.#followAll();
      return;
    }
    if (event.service === undefined) return;
    const { world, node } = this.#args;
    const row = world.view.rows<ServiceRow>('health', 'service').get(serviceKey(node, event.service));
    if (row !== undefined) this.#follow(row);
  }

  #follow(row: ServiceRow): void {
    const { service, instance } = row;
    if (row.state === 'running' && row.managed && instance !== null && row.digest !== null) {
      if (this.#watched.get(service) === instance) return;
      this.#watched.set(service, instance);
      void this.#watch(row, row.digest, instance);
    } else if (this.#watched.delete(service)) {
      for (const source of this.#args.sources()) source.unwatch(service);
    }
  }

  async #watch(row: ServiceRow, digest: string, instance: string): Promise<void> {
    try {
      const spec = await this.#args.specs.of(row.service, digest);
      this.#said.delete(row.service);
      if (this.#watched.get(row.service) !== instance) return;
      const subject = {
        spec: { ...spec, ports: { ...spec.ports, ...row.ports } },
        instance,
        ...(row.run === undefined ? {} : { run: row.run }),
        ...(row.pid === undefined ? {} : { pid: row.pid }),
      };
      for (const source of this.#args.sources()) if (source.covers(spec.definition)) source.watch(subject);
    } catch (cause) {
      if (this.#watched.get(row.service) === instance) this.#watched.delete(row.service);
      this.#tryLater();
      this.#say(row.service, messageOf(cause));
    }
  }

  /** Once, however often it is tried. */
  #say(service: string, reason: string): void {
    if (this.#said.get(service) === reason) return;
    this.#said.set(service, reason);
    this.#args.log.error('an instance cannot be watched; it is tried again', { service, reason });
  }

  #tryLater(): void {
    if (this.#stopped) return;
    this.#retry ??= this.#args.clock.after(RETRY_MS, () => {
      this.#retry = undefined;
      this.#followAll();
    });
  }
}
