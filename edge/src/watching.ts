/** Which instances the health sources judge: each new life from the node's own fold, until it ends. */
import { type HealthSource, type JournalEvent, type Log, messageOf, type ServiceRow, serviceKey } from '@lab/sdk';
import type { LocalWorld } from './local-world.ts';
import type { ServiceSpecs } from './service-specs.ts';

export interface WatchingArgs {
  readonly node: string;
  readonly world: LocalWorld;
  readonly specs: ServiceSpecs;
  readonly sources: () => readonly HealthSource[];
  readonly log: Log;
}

export class Watching {
  readonly #args: WatchingArgs;
  /** Service -> the instance that is watched. */
  readonly #watched = new Map<string, string>();
  #stop: () => void = () => {};

  constructor(args: WatchingArgs) {
    this.#args = args;
  }

  /** Watches what is there now, and from now on follows what comes and goes. */
  start(): void {
    const { world, node } = this.#args;
    for (const row of world.view.rows<ServiceRow>('health', 'service').values())
      if (row.node === node) this.#follow(row);
    this.#stop = world.onFolded((event) => this.#heard(event));
  }

  stop(): void {
    this.#stop();
  }

  /** A source that was restarted knows nothing: it is told all of them again. */
  again(): void {
    this.#watched.clear();
    for (const row of this.#args.world.view.rows<ServiceRow>('health', 'service').values()) this.#follow(row);
  }

  #heard(event: JournalEvent): void {
    const { world, node } = this.#args;
    const names =
      event.type === 'services_observed'
        ? (event.data.services as { name: string }[]).map(({ name }) => name)
        : [event.service];
    for (const service of names) {
      const row =
        service === undefined
          ? undefined
          : world.view.rows<ServiceRow>('health', 'service').get(serviceKey(node, service));
      if (row !== undefined) this.#follow(row);
    }
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
      if (this.#watched.get(row.service) !== instance) return;
      const subject = {
        spec: { ...spec, ports: { ...spec.ports, ...row.ports } },
        instance,
        ...(row.run === undefined ? {} : { run: row.run }),
        ...(row.pid === undefined ? {} : { pid: row.pid }),
      };
      for (const source of this.#args.sources()) if (source.covers(spec.definition)) source.watch(subject);
    } catch (cause) {
      this.#watched.delete(row.service);
      this.#args.log.error('an instance cannot be watched', { service: row.service, reason: messageOf(cause) });
    }
  }
}
