/** The contract of a provider of services: something that runs instances of bundles on one node. */
import type { Definition } from '../model/bundle.ts';

/** Everything that a provider is told about one service: no choice is left to it. */
export interface ServiceSpec {
  readonly node: string;
  readonly service: string;
  readonly digest: string;
  readonly definition: Definition;
  /** Absolute path of the bundle's files, read-only, complete. */
  readonly bundleDir: string;
  /** Absolute path that outlives instances: `data/<service>/`. */
  readonly dataDir: string;
  /** Complete environment for the service, its ports as `PORT_<NAME>` included. */
  readonly env: Readonly<Record<string, string>>;
  /** Name to number. */
  readonly ports: Readonly<Record<string, number>>;
}

/** One run of one action: what it may use, and where its output goes. */
export interface RunContext {
  /** ULID of the run; whatever it makes carries it. */
  readonly run: string;
  readonly signal: AbortSignal;
  /** A line for the people who follow. */
  readonly output: (line: string) => void;
}

/**
 * `running` lives now. `exited` ended by itself. `interrupted` ran until its machine or its daemon was stopped in order: it is
 * to be kept, which is no drift. `removed` is gone on somebody's word.
 */
export type InstanceState = 'running' | 'exited' | 'interrupted';

export interface ObservedService {
  readonly service: string;
  /** False: it runs here and was never made by us. */
  readonly managed: boolean;
  readonly digest: string | null;
  /** Names this life of it; a new life has a new one. */
  readonly instance: string | null;
  readonly state: InstanceState;
  readonly pid?: number;
  readonly containerId?: string;
  /** The run that made it. */
  readonly run?: string;
  readonly ports: Readonly<Record<string, number>>;
  /** Names of the sources that judge it; empty for what is not ours. */
  readonly sources: readonly string[];
}

/** What is left of a run that was cut off: `none` nothing of it began; `done` it made `instance`; `unknown` cannot be told. */
export type RunTrace =
  | { readonly state: 'none' | 'unknown' }
  | {
      readonly state: 'done';
      readonly instance: string | null;
      /** As `Applied` would have said; `health` where there is an instance, unless told. */
      readonly verify?: 'health' | 'none';
    };

/**
 * Life cycle: 1. `setup` wires, no I/O. 2. `start` takes over what earlier lives left (adopts the living, notes the dead) and
 * begins to report. 3. Verbs are called one at a time on a service, possibly at once on several. 4. `stop` ends reporting and
 * leaves everything running. `halt` is the other end: it stops every service in the given order, so that the next start keeps them.
 *
 * Facts go through the EMIT token: `service_progressing` with each new instance, `service_healthy` where nothing else checks it,
 * `containers_not_running` when one ends, `service_recovered` when the provider's own restart policy made a new one.
 */
export interface ServiceProvider {
  /** `process`, `compose`. */
  readonly runtime: string;
  /** Names of the sources that will report on an instance of this definition. */
  sources(definition: Definition): readonly string[];
  start(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
  /** Everything that is there, ours or not. Throws `plugin_failed` where it cannot be known completely. */
  observe(): Promise<readonly ObservedService[]>;
  /** The living instance of a service, or null: what a run compares with after a crash. */
  preimage(service: string): Promise<string | null>;
  /** What an earlier run left behind. */
  trace(service: string, run: string): Promise<RunTrace>;
  /** Makes the instance anew from `spec`; whatever ran before is stopped first. Resolves once it is started, not once healthy. */
  deploy(spec: ServiceSpec, run: RunContext): Promise<{ readonly instance: string }>;
  /** A new life of what is there, same digest. */
  restart(spec: ServiceSpec, run: RunContext): Promise<{ readonly instance: string }>;
  /** Stops it and leaves it stopped. Data stays. */
  halt(services: readonly string[], run: RunContext, reason: 'daemon' | 'person'): Promise<void>;
  /** Stops it and forgets it. Data and volumes stay. */
  remove(service: string, run: RunContext): Promise<void>;
  /** Frees what is safe to free: stopped leftovers of lab's own. Never data. Resolves with bytes freed. */
  cleanup(run: RunContext): Promise<number>;
  /** Lines of its log, oldest first; with `follow` until the signal aborts. */
  logs(
    service: string,
    options: { readonly tail: number; readonly follow: boolean; readonly signal: AbortSignal },
  ): AsyncIterable<string>;
  /** Evidence for a diagnosis: state and last lines of its log. */
  diagnose(service: string): Promise<string>;
}
