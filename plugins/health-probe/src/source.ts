/** The health source `healthcheck`: one watch for each service that has a check. */
import type { Clock, Definition, Emit, HealthSource, HealthSubject, Log } from '@lab/sdk';
import { isAlive } from './alive.ts';
import { probeOf } from './probe.ts';
import { Watch } from './watch.ts';

export interface ProbeServices {
  readonly clock: Clock;
  readonly log: Log;
  readonly emit: Emit;
}

export const SOURCE = 'healthcheck';

export class ProbeSource implements HealthSource {
  readonly source = SOURCE;
  readonly #config: { readonly startingMs: number };
  readonly #services: ProbeServices;
  readonly #watches = new Map<string, Watch>();
  #running = false;

  constructor(config: { readonly startingMs: number }, services: ProbeServices) {
    this.#config = config;
    this.#services = services;
  }

  covers(definition: Definition): boolean {
    return definition.process?.healthcheck !== undefined;
  }

  start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#running = true;
    for (const watch of this.#watches.values()) watch.begin();
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#running = false;
    for (const watch of this.#watches.values()) watch.end();
    this.#watches.clear();
    return Promise.resolve();
  }

  watch(subject: HealthSubject): void {
    const { service, definition } = subject.spec;
    const check = definition.process?.healthcheck;
    if (this.#watches.get(service)?.instance === subject.instance) return;
    this.unwatch(service);
    if (check === undefined) return;
    const watch = new Watch({
      ...this.#services,
      subject,
      check,
      startingMs: this.#config.startingMs,
      source: SOURCE,
      probe: probeOf(subject.spec, check),
      alive: () => subject.pid === undefined || isAlive(subject.pid),
    });
    this.#watches.set(service, watch);
    if (this.#running) watch.begin();
  }

  unwatch(service: string): void {
    this.#watches.get(service)?.end();
    this.#watches.delete(service);
  }
}
