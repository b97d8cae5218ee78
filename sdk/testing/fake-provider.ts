/**
 * A provider whose machine is a map. Passes the same conformance suite as the real ones.
 *
 * What lives on the machine survives the provider: `crashed()` is the provider of the next daemon after a `kill -9`, `rebooted()`
 * that after a power cut. A test lets a service `die`, makes the next deploy fail, or a verb hang until its run is cancelled.
 */
import type {
  ObservedService,
  RunContext,
  RunTrace,
  ServiceProvider,
  ServiceSpec,
} from '../src/contracts/service-provider.ts';
import { LabError } from '../src/errors.ts';
import type { Definition } from '../src/model/bundle.ts';
import type { Fact } from '../src/model/event.ts';
import type { Emit } from '../src/tokens.ts';

type Phase = 'running' | 'exited' | 'interrupted' | 'stopped';

interface FakeInstance {
  readonly instance: string;
  readonly spec: ServiceSpec;
  readonly run: string;
  phase: Phase;
  endedBy: string | undefined;
  /** Its beginning was said. */
  announced: boolean;
  /** Its end was said. */
  said: boolean;
  readonly log: string[];
}

/** What is there, whichever provider looks at it. */
export class FakeMachine {
  readonly services = new Map<string, FakeInstance>();
  /** Runs that failed to start anything. */
  readonly failedRuns = new Set<string>();
  made = 0;
}

export class FakeProvider implements ServiceProvider {
  readonly runtime = 'process';
  readonly machine: FakeMachine;
  /** How often each service was made anew: adoption does not count. */
  readonly makes = new Map<string, number>();
  readonly #emit: Emit;
  readonly #hanging = new Set<string>();
  #failNext: LabError | undefined;
  #incomplete = false;
  #reporting = false;

  constructor(emit: Emit, machine = new FakeMachine()) {
    this.#emit = emit;
    this.machine = machine;
  }

  /** The provider of the next daemon, after this one was killed. */
  crashed(emit: Emit = this.#emit): FakeProvider {
    this.#reporting = false;
    return new FakeProvider(emit, this.machine);
  }

  /** The same after the machine lost power. */
  rebooted(emit: Emit = this.#emit): FakeProvider {
    for (const one of this.machine.services.values()) if (one.phase === 'running') one.phase = 'interrupted';
    return this.crashed(emit);
  }

  /** The service ends by itself. */
  async die(service: string, exitCode = 1): Promise<void> {
    const one = this.machine.services.get(service);
    if (one?.phase !== 'running') return;
    one.phase = 'exited';
    one.log.push(`exit ${exitCode}`);
    if (this.#reporting) await this.#ended(one, exitCode);
  }

  failNextDeploy(error = new LabError('plugin_failed', 'it cannot be started', { hint: 'look at its log' })): void {
    this.#failNext = error;
  }

  /** The next verb on this service does nothing until its run is cancelled. */
  hang(service: string): void {
    this.#hanging.add(service);
  }

  /** `observe` cannot tell everything until told otherwise. */
  blind(incomplete: boolean): void {
    this.#incomplete = incomplete;
  }

  sources(definition: Definition): readonly string[] {
    return definition.process?.healthcheck === undefined ? ['process'] : ['process', 'healthcheck'];
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#reporting = true;
    for (const one of this.machine.services.values()) {
      if (one.phase === 'exited' && !one.said) await this.#ended(one, null);
      if (one.phase === 'running') await this.#adopted(one);
    }
  }

  stop(): Promise<void> {
    this.#reporting = false;
    return Promise.resolve();
  }

  async observe(): Promise<readonly ObservedService[]> {
    if (this.#incomplete)
      throw new LabError('plugin_failed', 'what runs cannot be told', { hint: 'wait for its engine' });
    return [...this.machine.services.values()].map((one) => ({
      service: one.spec.service,
      managed: true,
      digest: one.spec.digest,
      instance: one.instance,
      state: one.phase === 'stopped' ? 'exited' : one.phase,
      run: one.run,
      ports: one.spec.ports,
      sources: this.sources(one.spec.definition),
    }));
  }

  async preimage(service: string): Promise<string | null> {
    const one = this.machine.services.get(service);
    return one?.phase === 'running' ? one.instance : null;
  }

  async trace(service: string, run: string): Promise<RunTrace> {
    const one = this.machine.services.get(service);
    if (one?.endedBy === run) return { state: 'done', instance: null };
    if (one?.run === run) return { state: 'done', instance: one.instance };
    return { state: this.machine.failedRuns.has(run) ? 'unknown' : 'none' };
  }

  async deploy(spec: ServiceSpec, run: RunContext): Promise<{ readonly instance: string }> {
    const { service } = spec;
    const before = this.machine.services.get(service);
    if (before?.run === run.run && (before.phase === 'running' || before.phase === 'exited'))
      return { instance: before.instance };
    await this.#may(service, run);
    if (this.#failNext !== undefined) {
      const error = this.#failNext;
      this.#failNext = undefined;
      this.machine.failedRuns.add(run.run);
      if (before?.phase === 'running') {
        before.phase = 'exited';
        await this.#ended(before, null);
      }
      throw error;
    }
    const instance = `i${++this.machine.made}`;
    const made: FakeInstance = {
      instance,
      spec,
      run: run.run,
      phase: 'running',
      endedBy: undefined,
      announced: false,
      said: false,
      log: [`started ${instance}`],
    };
    this.machine.services.set(service, made);
    this.makes.set(service, (this.makes.get(service) ?? 0) + 1);
    run.output(`started ${service}`);
    await this.#adopted(made);
    return { instance };
  }

  restart(spec: ServiceSpec, run: RunContext): Promise<{ readonly instance: string }> {
    return this.deploy(spec, run);
  }

  async halt(services: readonly string[], run: RunContext, reason: 'daemon' | 'person'): Promise<void> {
    for (const service of services) {
      const one = this.machine.services.get(service);
      if (one === undefined) continue;
      await this.#may(service, run);
      const ran = one.phase === 'running';
      if (reason === 'person') {
        one.phase = 'stopped';
        one.endedBy = run.run;
        if (ran) await this.#ended(one, 0);
      } else if (ran) {
        one.phase = 'interrupted';
        one.endedBy = run.run;
      }
    }
  }

  async remove(service: string, run: RunContext): Promise<void> {
    await this.#may(service, run);
    const instance = this.machine.services.get(service)?.instance ?? null;
    this.machine.services.delete(service);
    await this.#say(service, 'service_removed', { instance });
  }

  async cleanup(run: RunContext): Promise<number> {
    run.output('nothing to clean');
    return 0;
  }

  async *logs(
    service: string,
    options: { readonly tail: number; readonly follow: boolean; readonly signal: AbortSignal },
  ): AsyncIterable<string> {
    const lines = this.machine.services.get(service)?.log ?? [];
    yield* options.tail === 0 ? [] : lines.slice(-options.tail);
    if (options.follow && !options.signal.aborted)
      await new Promise<void>((done) => options.signal.addEventListener('abort', () => done(), { once: true }));
  }

  async diagnose(service: string): Promise<string> {
    const one = this.machine.services.get(service);
    return one === undefined ? 'it was never started here' : `state: ${one.phase}\n${one.log.join('\n')}`;
  }

  async #may(service: string, { signal }: RunContext): Promise<void> {
    if (this.#hanging.delete(service) && !signal.aborted)
      await new Promise<void>((done) => signal.addEventListener('abort', () => done(), { once: true }));
    if (signal.aborted) throw new LabError('cancelled', `${service}: it was cancelled`, { at: service });
  }

  /** Says that it is there, where that was not heard yet, and that it is well. */
  async #adopted(one: FakeInstance): Promise<void> {
    const { instance, run, spec } = one;
    const { service, digest, ports, definition } = spec;
    if (!one.announced) {
      one.announced = await this.#say(service, 'service_progressing', {
        instance,
        digest,
        run,
        ports,
        sources: this.sources(definition),
      });
    }
    await this.#say(service, 'service_healthy', { instance, run });
  }

  async #ended(one: FakeInstance, exitCode: number | null): Promise<void> {
    one.said = true;
    await this.#say(one.spec.service, 'containers_not_running', { instance: one.instance, exitCode, signal: null });
  }

  /** What the log refuses is left unsaid: the next complete observation says it. */
  async #say(service: string, type: string, data: Fact['data']): Promise<boolean> {
    return this.#emit({ type, source: 'process', service, data }).then(
      () => true,
      () => false,
    );
  }
}
