/**
 * One service under supervision: its record, its life, and what follows when that ends.
 *
 * INVARIANTS: at most one instance lives; what changes it runs one at a time (`#turn`), its own restarts included; the record is
 * written before a process is started and never says more than is so. The end of a life is said at once, unless somebody here
 * ended it to make the next one.
 */
import { type Clock, LabError, type Log, messageOf, type RunContext, type ServiceSpec, type Timer } from '@lab/sdk';
import { instanceId } from './instance-id.ts';
import { launch } from './launch.ts';
import { type Exit, Life } from './life.ts';
import type { LogFiles } from './log-files.ts';
import { ageMs, lives, type MarkedProcess } from './proc.ts';
import { asPrevious, type Records, type ServiceRecord } from './records.ts';
import { described, identified, isFailure, type Reports } from './reports.ts';
import { stopService } from './stop.ts';

const BACKOFF_FIRST_MS = 100;
const BACKOFF_MAX_MS = 30_000;
const DEFAULT_STOP_SECONDS = 10;

export interface UnitContext {
  readonly root: string;
  readonly bootId: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly records: Records;
  readonly logs: LogFiles;
  readonly stableMs: number;
  readonly marked: (service: string) => Promise<readonly MarkedProcess[]>;
  readonly sources: (spec: ServiceSpec | null) => readonly string[];
}

export class Unit {
  readonly service: string;
  readonly #context: UnitContext;
  readonly #reports: Reports;
  #record: ServiceRecord | undefined;
  #life: Life | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #writes: Promise<unknown> = Promise.resolve();
  #restart: Timer | undefined;
  #stable: Timer | undefined;
  #backoffMs = BACKOFF_FIRST_MS;
  #closed = false;

  constructor(service: string, context: UnitContext, reports: Reports) {
    this.service = service;
    this.#context = context;
    this.#reports = reports;
  }

  get record(): ServiceRecord | undefined {
    return this.#record;
  }

  /** The life that goes on now. */
  get life(): Life | undefined {
    return this.#life?.living === true ? this.#life : undefined;
  }

  /** Takes over what an earlier life of the daemon left: `living` carry the marker of this service, oldest first. */
  async resume(record: ServiceRecord, living: readonly MarkedProcess[]): Promise<void> {
    this.#record = record;
    if (record.announced) this.#reports.remember(record.instance);
    if (record.phase !== 'running' && record.phase !== 'spawning') return;
    if (record.bootId !== this.#context.bootId)
      return this.#write({ phase: 'interrupted', reason: 'the machine went down' });
    const found = living.find((one) => one.marker.instance === record.instance);
    if (record.pid !== undefined && record.startTicks !== undefined && lives(record.pid, record.startTicks))
      return this.#adopt(record.pid, record.startTicks);
    if (record.phase === 'spawning' && found !== undefined) return this.#adopt(found.pid, found.startTicks);
    const before = record.previous;
    if (record.phase === 'spawning' && before?.pid !== undefined && before.startTicks !== undefined) {
      if (lives(before.pid, before.startTicks)) {
        // The run was cut off before it touched what ran.
        this.#record = { ...before, previous: null };
        if (before.announced) this.#reports.remember(before.instance);
        return this.#adopt(before.pid, before.startTicks);
      }
    }
    if (record.phase === 'running' && !record.announced) this.#reports.started(record, this.#sources());
    this.#reports.ended(record.instance, { exitCode: null, signal: null });
    if (record.phase === 'spawning' && before !== null && before.phase === 'running')
      this.#reports.ended(before.instance, { exitCode: null, signal: null });
    await this.#write({ phase: 'exited', exitCode: null, signal: null, reason: 'ended while the daemon was away' });
  }

  /** Makes the instance anew. The same run again is answered with what it made. */
  make(spec: ServiceSpec, run: RunContext): Promise<{ readonly instance: string }> {
    return this.#exclusive(async () => {
      const record = this.#record;
      if (record?.run === run.run && record.made && (record.phase === 'running' || record.phase === 'exited'))
        return { instance: record.instance };
      refuseIfAborted(this.service, run.signal);
      this.#restart?.cancel();
      const instance = instanceId(this.#context.clock.now());
      const before = this.#life?.living === true ? this.#life : undefined;
      await this.#replace({
        ...this.#intent(spec, instance, run.run),
        restarts: 0,
        previous: asPrevious(record),
      });
      try {
        if (before !== undefined) run.output(`stopping ${this.service} (pid ${before.pid})`);
        await this.#end(run.signal, record?.spec ?? spec);
      } catch (cause) {
        await this.#undo(record, before);
        throw cause;
      }
      const life = await this.#spawn(spec, instance, run.run).catch(async (cause: unknown) => {
        await this.#write({ phase: 'failed', reason: messageOf(cause) });
        if (before !== undefined) this.#reports.ended(before.instance, before.exit ?? { exitCode: null, signal: null });
        throw cause;
      });
      run.output(`started ${this.service} (pid ${life.pid})`);
      this.#backoffMs = BACKOFF_FIRST_MS;
      this.#begin(life, () => this.#announce(life));
      await this.#running(life);
      return { instance };
    });
  }

  /** Stops it; a record stays that says on whose word. */
  halt(run: RunContext, reason: 'daemon' | 'person'): Promise<void> {
    return this.#exclusive(async () => {
      const record = this.#record;
      if (record === undefined) return;
      const waits = this.#restart !== undefined;
      this.#restart?.cancel();
      this.#restart = undefined;
      const before = this.life;
      if (before !== undefined) run.output(`stopping ${this.service} (pid ${before.pid})`);
      await this.#endOrResume(run.signal, before);
      if (reason === 'person') {
        // The world is told: it is held, so that this is no drift.
        if (before !== undefined) this.#reports.ended(before.instance, before.exit ?? { exitCode: null, signal: null });
        await this.#write({ phase: 'stopped', ...before?.exit, reason: 'stopped by a person', endedBy: run.run });
      } else if (before !== undefined || waits) {
        await this.#write({
          phase: 'interrupted',
          ...before?.exit,
          reason: 'the daemon was stopped',
          endedBy: run.run,
        });
      }
    });
  }

  remove(run: RunContext): Promise<void> {
    return this.#exclusive(async () => {
      this.#restart?.cancel();
      const before = this.life;
      await this.#endOrResume(run.signal, before);
      const instance = this.#record?.instance ?? null;
      this.#record = undefined;
      this.#life = undefined;
      await this.#writes;
      await this.#context.records.remove(this.service);
      this.#reports.removed(instance);
    });
  }

  /** Ends supervision and leaves the process alone. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#restart?.cancel();
    this.#stable?.cancel();
    await this.#writes;
  }

  async #adopt(pid: number, startTicks: number): Promise<void> {
    const { clock } = this.#context;
    const record = this.#record;
    if (record === undefined) return;
    const life = new Life(record.instance, pid, startTicks, clock.monotonic() - ageMs(startTicks));
    this.#begin(life, () => {
      if (record.announced) this.#healthyInTime(life);
      else this.#announce(life);
    });
    await this.#running(life);
  }

  /** From here on the life is ours to follow. `say` comes before anything that its end could say. */
  #begin(life: Life, say: () => void): void {
    this.#life = life;
    if (this.#record !== undefined)
      this.#record = { ...this.#record, ...identified(life), phase: 'running', made: true };
    say();
    void life.ended.then((exit) => this.#ended(life, exit));
  }

  #running(life: Life): Promise<void> {
    // The intent is enough to find it again, so that a disk that refuses here costs nothing but a scan.
    return this.#write({
      ...(life.living ? { phase: 'running' } : {}),
      made: true,
      previous: null,
      ...identified(life),
    }).catch((cause: unknown) =>
      this.#context.log.warn('a record could not be written', { service: this.service, reason: messageOf(cause) }),
    );
  }

  #announce(life: Life): void {
    const record = this.#record;
    if (record === undefined) return;
    this.#reports.started(record, this.#sources(), () => this.#announced(life));
    this.#healthyInTime(life);
  }

  #announced(life: Life): void {
    if (this.#record?.instance === life.instance) this.#background(this.#write({ announced: true }));
  }

  /** With a healthcheck, that it runs is all there is to say; without one, that it goes on running is. */
  #healthyInTime(life: Life): void {
    const { clock, stableMs } = this.#context;
    const run = this.#record?.run ?? '';
    const checked = this.#sources().length > 1;
    const age = clock.monotonic() - life.bornAt;
    if (checked) this.#reports.healthy(life.instance, run);
    this.#whenStable(stableMs - age, () => {
      if (!checked) this.#reports.healthy(life.instance, run);
    });
  }

  #whenStable(inMs: number, then: () => void): void {
    this.#stable?.cancel();
    this.#stable = this.#context.clock.after(Math.max(0, inMs), () => {
      this.#backoffMs = BACKOFF_FIRST_MS;
      then();
    });
  }

  #ended(life: Life, exit: Exit): void {
    if (this.#closed || life !== this.#life || life.stopping) return;
    this.#stable?.cancel();
    this.#reports.ended(life.instance, exit);
    this.#context.log.info('a service ended', { service: this.service, pid: life.pid, how: described(exit) });
    this.#background(this.#write({ phase: 'exited', ...exit }));
    const policy = this.#record?.spec?.definition.process?.restart ?? 'no';
    if (policy === 'always' || (policy === 'on-failure' && isFailure(exit))) this.#restartLater(exit);
    else this.#reports.gaveUp(exit);
  }

  #restartLater(last: Exit): void {
    this.#restart?.cancel();
    this.#restart = this.#context.clock.after(this.#backoffMs, () => {
      this.#restart = undefined;
      this.#background(this.#exclusive(() => this.#restartNow(last)));
    });
    this.#backoffMs = Math.min(BACKOFF_MAX_MS, this.#backoffMs * 2);
  }

  async #restartNow(last: Exit): Promise<void> {
    const record = this.#record;
    const spec = record?.spec;
    if (this.#closed || record === undefined || spec == null || record.phase !== 'exited' || this.life !== undefined)
      return;
    const { clock } = this.#context;
    const instance = instanceId(clock.now());
    try {
      await this.#replace({
        ...this.#intent(spec, instance, record.run),
        restarts: record.restarts + 1,
        previous: asPrevious(record),
      });
      await this.#end(new AbortController().signal, spec);
      const life = await this.#spawn(spec, instance, record.run);
      this.#begin(life, () => {
        const now = this.#record ?? record;
        const announced = (): void => this.#announced(life);
        this.#reports.restarted(now, this.#sources(), clock.monotonic(), last, announced);
        this.#whenStable(this.#context.stableMs, () => {
          if (this.#record !== undefined) this.#reports.stable(this.#record, this.#sources(), announced);
        });
      });
      await this.#running(life);
    } catch (cause) {
      this.#context.log.warn('a service could not be started again', {
        service: this.service,
        reason: messageOf(cause),
      });
      await this.#replace({ ...record, reason: messageOf(cause) }).catch(() => undefined);
      this.#restartLater(last);
    }
  }

  async #spawn(spec: ServiceSpec, instance: string, run: string): Promise<Life> {
    const { root, logs, clock } = this.#context;
    const { node, service, digest } = spec;
    const fd = await logs.openForInstance(service);
    return launch(spec, { root, node, service, instance, digest, run }, fd, clock.monotonic());
  }

  /** Ends whatever lives of this service, what a dead main process left behind included. */
  async #end(signal: AbortSignal, spec = this.#record?.spec): Promise<void> {
    const life = this.life;
    const settings = spec?.definition.process;
    if (life !== undefined) life.stopping = true;
    this.#stable?.cancel();
    const { clock, marked } = this.#context;
    await stopService(
      {
        service: this.service,
        life,
        stopSignal: settings?.stopSignal ?? 'SIGTERM',
        timeoutMs: (settings?.stopTimeout ?? DEFAULT_STOP_SECONDS) * 1000,
        signal,
        marked: () => marked(this.service),
      },
      clock,
    );
  }

  async #endOrResume(signal: AbortSignal, life: Life | undefined): Promise<void> {
    try {
      await this.#end(signal);
    } catch (cause) {
      this.#unstop(life);
      throw cause;
    }
  }

  /** The run ended before it made anything: the record is again what it was. */
  async #undo(record: ServiceRecord | undefined, life: Life | undefined): Promise<void> {
    if (record !== undefined) await this.#replace(record);
    else {
      this.#record = undefined;
      await this.#context.records.remove(this.service);
    }
    this.#unstop(life);
  }

  /** It was asked to end and nobody waits for it any more: that it ends is news again. */
  #unstop(life: Life | undefined): void {
    if (life === undefined) return;
    life.stopping = false;
    if (life.exit !== undefined) this.#ended(life, life.exit);
  }

  #intent(spec: ServiceSpec, instance: string, run: string): Omit<ServiceRecord, 'restarts' | 'previous'> {
    const { service, digest } = spec;
    const { bootId } = this.#context;
    return { v: 1, service, instance, run, digest, bootId, phase: 'spawning', made: false, announced: false, spec };
  }

  #sources(): readonly string[] {
    return this.#context.sources(this.#record?.spec ?? null);
  }

  #replace(record: ServiceRecord): Promise<void> {
    this.#record = record;
    const write = this.#writes.then(() => this.#context.records.write(record));
    this.#writes = write.catch(() => undefined);
    return write;
  }

  #write(change: Partial<ServiceRecord>): Promise<void> {
    if (this.#record === undefined) return Promise.resolve();
    return this.#replace({ ...this.#record, ...change });
  }

  #background(work: Promise<unknown>): void {
    work.catch((cause: unknown) =>
      this.#context.log.warn('work on a service failed', { service: this.service, reason: messageOf(cause) }),
    );
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}

function refuseIfAborted(service: string, signal: AbortSignal): void {
  if (signal.aborted) throw new LabError('cancelled', `${service}: it was cancelled before it began`, { at: service });
}
