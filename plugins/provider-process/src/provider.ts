/**
 * Services as supervised local processes: the contract of a provider over one Unit a service.
 *
 * INVARIANTS: what lives is adopted, never started again; nothing is started by `start`; a record that is lost is written again
 * from what lives. A process without our marker (root and node) does not exist for it.
 */
import {
  type Clock,
  type Definition,
  type Emit,
  LabError,
  type Log,
  messageOf,
  type NodePlace,
  type ObservedService,
  type RunContext,
  type RunTrace,
  type ServiceProvider,
  type ServiceSpec,
  type Store,
  type Timer,
} from '@lab/sdk';
import { LogFiles, type LogLimits } from './log-files.ts';
import { Outbox } from './outbox.ts';
import { type MarkedProcess, markedProcesses } from './proc.ts';
import { Records, type ServiceRecord } from './records.ts';
import { described, Reports, SOURCE } from './reports.ts';
import { Unit, type UnitContext } from './unit.ts';

export interface ProcessConfig extends LogLimits {
  readonly stableMs: number;
  readonly pollMs: number;
}

export interface ProcessServices {
  readonly clock: Clock;
  readonly log: Log;
  readonly emit: Emit;
  readonly place: NodePlace;
  readonly store: Store;
}

const CAP_LOGS_MS = 60_000;
const DIAGNOSIS_LINES = 40;

export class ProcessProvider implements ServiceProvider {
  readonly runtime = 'process';
  readonly #config: ProcessConfig;
  readonly #services: ProcessServices;
  readonly #records: Records;
  readonly #logs: LogFiles;
  readonly #units = new Map<string, Unit>();
  readonly #outboxes = new Map<string, Outbox>();
  #timers: Timer[] = [];

  constructor(config: ProcessConfig, services: ProcessServices) {
    this.#config = config;
    this.#services = services;
    this.#records = new Records(services.place.stateDir, services.store, services.log);
    this.#logs = new LogFiles(services.place.logsDir, config, services.clock);
  }

  sources(definition: Definition): readonly string[] {
    return definition.process?.healthcheck === undefined ? [SOURCE] : [SOURCE, 'healthcheck'];
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { clock, place } = this.#services;
    const records = await this.#records.readAll();
    const marked = await markedProcesses(place.root, place.node);
    for (const record of records) {
      const living = marked.filter(({ marker }) => marker.service === record.service);
      await this.#unit(record.service).resume(record, living);
    }
    for (const lost of lostLeaders(marked, new Set(records.map(({ service }) => service)))) {
      this.#services.log.warn('a service lives whose record is lost: it is adopted', {
        service: lost.marker.service,
        pid: lost.pid,
      });
      await this.#unit(lost.marker.service).resume(recordOf(lost, place.bootId), [lost]);
    }
    this.#timers = [
      clock.every(this.#config.pollMs, () => {
        for (const { life } of this.#units.values()) life?.check();
      }),
      clock.every(CAP_LOGS_MS, () => void this.#capLogs()),
    ];
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
    await Promise.all([...this.#units.values()].map((unit) => unit.close()));
    for (const outbox of this.#outboxes.values()) outbox.close();
  }

  observe(): Promise<readonly ObservedService[]> {
    const all: ObservedService[] = [];
    for (const unit of this.#units.values()) {
      const seen = this.#observed(unit);
      if (seen !== undefined) all.push(seen);
    }
    return Promise.resolve(all.sort((a, b) => (a.service < b.service ? -1 : 1)));
  }

  preimage(service: string): Promise<string | null> {
    const unit = this.#units.get(service);
    unit?.life?.check();
    return Promise.resolve(unit?.life?.instance ?? null);
  }

  trace(service: string, run: string): Promise<RunTrace> {
    const record = this.#units.get(service)?.record;
    if (record?.endedBy === run) return Promise.resolve({ state: 'done', instance: null });
    if (record?.run !== run) return Promise.resolve({ state: 'none' });
    return Promise.resolve(record.made ? { state: 'done', instance: record.instance } : { state: 'unknown' });
  }

  deploy(spec: ServiceSpec, run: RunContext): Promise<{ readonly instance: string }> {
    return this.#unit(spec.service).make(spec, run);
  }

  restart(spec: ServiceSpec, run: RunContext): Promise<{ readonly instance: string }> {
    return this.#unit(spec.service).make(spec, run);
  }

  async halt(services: readonly string[], run: RunContext, reason: 'daemon' | 'person'): Promise<void> {
    const failed: unknown[] = [];
    for (const service of services) {
      if (run.signal.aborted)
        throw new LabError('cancelled', `stopping was cancelled before ${service}`, { at: service });
      await this.#units
        .get(service)
        ?.halt(run, reason)
        .catch((cause: unknown) => failed.push(cause));
    }
    const [first] = failed;
    if (first !== undefined) throw first;
  }

  async remove(service: string, run: RunContext): Promise<void> {
    await this.#unit(service).remove(run);
    this.#units.delete(service);
  }

  cleanup(run: RunContext): Promise<number> {
    run.output('removing older logs of services that are gone');
    return this.#logs.clean(new Set(this.#units.keys()));
  }

  async *logs(
    service: string,
    options: { readonly tail: number; readonly follow: boolean; readonly signal: AbortSignal },
  ): AsyncIterable<string> {
    if (options.follow) yield* this.#logs.follow(service, options.tail, options.signal);
    else yield* await this.#logs.tail(service, options.tail);
  }

  async diagnose(service: string): Promise<string> {
    const unit = this.#units.get(service);
    const lines = await this.#logs.tail(service, DIAGNOSIS_LINES);
    return [
      ...stateLines(unit),
      '',
      `last ${lines.length} lines of its log:`,
      ...lines.map((line) => `  ${line}`),
    ].join('\n');
  }

  #unit(service: string): Unit {
    const known = this.#units.get(service);
    if (known !== undefined) return known;
    const { clock, log, emit, place } = this.#services;
    const outbox = this.#outboxes.get(service) ?? new Outbox(emit, clock, log);
    const context: UnitContext = {
      root: place.root,
      bootId: place.bootId,
      clock,
      log,
      records: this.#records,
      logs: this.#logs,
      stableMs: this.#config.stableMs,
      marked: async (name) =>
        (await markedProcesses(place.root, place.node)).filter(({ marker }) => marker.service === name),
      sources: (spec) => (spec === null ? [SOURCE] : this.sources(spec.definition)),
    };
    const unit = new Unit(service, context, new Reports(service, (fact, then) => outbox.say(fact, then)));
    this.#outboxes.set(service, outbox);
    this.#units.set(service, unit);
    return unit;
  }

  #observed(unit: Unit): ObservedService | undefined {
    const { record } = unit;
    // What could not be started is not there; what it replaced is, as it ended.
    const seen = record?.phase === 'failed' ? record.previous : record;
    if (record === undefined || seen === null || seen === undefined) return undefined;
    const running = unit.life !== undefined;
    return {
      service: unit.service,
      managed: true,
      digest: seen.digest,
      instance: seen.instance,
      state: running ? 'running' : record.phase === 'interrupted' ? 'interrupted' : 'exited',
      ...(running && seen.pid !== undefined ? { pid: seen.pid } : {}),
      run: seen.run,
      ports: seen.spec?.ports ?? {},
      sources: seen.spec === null ? [SOURCE] : this.sources(seen.spec.definition),
    };
  }

  async #capLogs(): Promise<void> {
    for (const service of this.#units.keys()) {
      await this.#logs
        .cap(service)
        .catch((cause: unknown) =>
          this.#services.log.warn('a log could not be cut', { service, reason: messageOf(cause) }),
        );
    }
  }
}

/** Main processes (they lead their session) of services without a record; of several the one that began first. */
function lostLeaders(marked: readonly MarkedProcess[], known: ReadonlySet<string>): MarkedProcess[] {
  const leaders = new Map<string, MarkedProcess>();
  for (const one of marked) {
    const { service } = one.marker;
    if (one.pid === one.session && !known.has(service) && !leaders.has(service)) leaders.set(service, one);
  }
  return [...leaders.values()];
}

function recordOf({ marker, pid, startTicks }: MarkedProcess, bootId: string): ServiceRecord {
  const { service, instance, run, digest } = marker;
  return {
    v: 1,
    service,
    instance,
    run,
    digest,
    bootId,
    phase: 'running',
    made: true,
    announced: false,
    restarts: 0,
    pid,
    startTicks,
    reason: 'its record was lost and written again from the living process',
    spec: null,
    previous: null,
  };
}

function stateLines(unit: Unit | undefined): string[] {
  const record = unit?.record;
  if (record === undefined) return ['it was never started here'];
  const { phase, instance, digest, restarts } = record;
  const state = unit?.life === undefined ? phase : `running, pid ${unit.life.pid}`;
  const lines = [
    `state: ${state}`,
    `instance: ${instance}, digest ${digest.slice(0, 7)}, restarted ${restarts} times by its policy`,
  ];
  if (record.exitCode !== undefined || record.signal !== undefined)
    lines.push(`it ${described({ exitCode: record.exitCode ?? null, signal: record.signal ?? null })}`);
  if (record.reason !== undefined) lines.push(`reason: ${record.reason}`);
  const command = record.spec?.definition.process?.command;
  if (command !== undefined) lines.push(`command: ${command.join(' ')}`);
  return lines;
}
