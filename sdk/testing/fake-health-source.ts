/** A health source that finds what it is told to find. Passes the same conformance suite as the real ones. */
import type { HealthSource, HealthSubject } from '../src/contracts/health-source.ts';
import type { Definition } from '../src/model/bundle.ts';
import type { Emit } from '../src/tokens.ts';

interface Watched {
  readonly subject: HealthSubject;
  said: boolean | undefined;
}

export class FakeHealthSource implements HealthSource {
  readonly source: string;
  readonly #emit: Emit;
  readonly #watched = new Map<string, Watched>();
  readonly #found = new Map<string, boolean>();
  #running = false;

  constructor(emit: Emit, source = 'healthcheck') {
    this.#emit = emit;
    this.source = source;
  }

  /** What it finds of a service from now on, whichever instance; until told it finds nothing. */
  async find(service: string, healthy: boolean): Promise<void> {
    this.#found.set(service, healthy);
    await this.#look(service);
  }

  /** The instance that it watches. */
  watching(service: string): string | undefined {
    return this.#watched.get(service)?.subject.instance;
  }

  covers(definition: Definition): boolean {
    return definition.process?.healthcheck !== undefined;
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#running = true;
    for (const service of this.#watched.keys()) await this.#look(service);
  }

  stop(): Promise<void> {
    this.#running = false;
    this.#watched.clear();
    return Promise.resolve();
  }

  watch(subject: HealthSubject): void {
    const { service } = subject.spec;
    if (this.watching(service) === subject.instance) return;
    this.#watched.set(service, { subject, said: undefined });
    void this.#look(service);
  }

  unwatch(service: string): void {
    this.#watched.delete(service);
  }

  /** What the log refuses is tried again with the next finding. */
  async #look(service: string): Promise<void> {
    const watched = this.#watched.get(service);
    const found = this.#found.get(service);
    if (!this.#running || watched === undefined || found === undefined || watched.said === found) return;
    const { instance, run } = watched.subject;
    const fact = found
      ? { type: 'service_healthy', data: { instance, ...(run === undefined ? {} : { run }) } }
      : { type: 'healthcheck_failed', data: { instance, output: 'told to fail', failures: 1 } };
    const before = watched.said;
    watched.said = found;
    await this.#emit({ ...fact, source: this.source, service }).catch(() => {
      watched.said = before;
    });
  }
}
