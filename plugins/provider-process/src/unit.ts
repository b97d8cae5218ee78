/**
 * One service under supervision: its record, its life, and what follows when that ends.
 *
 * INVARIANTS: at most one instance lives; what changes it runs one at a time (`#turn`), its own restarts included; the record is
 * written before a process is started and never says more than is so. The end of a life is said at once, unless somebody here
 * ended it to make the next one.
 */
import { type Clock, LabError, type Log, messageOf, type RunContext, type ServiceSpec, type Timer } from '@lab/sdk';
import { instanceId } from './instance-id.ts';
import { KeptRecord } from './kept-record.ts';
import { launch } from './launch.ts';
import { type Exit, Life, UNKNOWN_EXIT } from './life.ts';
import type { LogFiles } from './log-files.ts';
import { ageMs, lives, type MarkedProcess } from './proc.ts';
import type { Records, ServiceRecord } from './records.ts';
import { described, type Reports } from './reports.ts';
import { Restarts, wantsRestart } from './restarts.ts';
import { resumption } from './resume.ts';
import { stopService } from './stop.ts';

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
  readonly #record: KeptRecord;
  #life: Life | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  readonly #restarts: Restarts;
  #stable: Timer | undefined;
  #closed = false;

  constructor(service: string, context: UnitContext, reports: Reports) {
    this.service = service;
    this.#context = context;
    this.#reports = reports;
    this.#record = new KeptRecord(service, context.records);
    this.#restarts = new Restarts(context.clock);
  }

  get record(): ServiceRecord | undefined {
    return this.#record.now;
  }

  /** The life that goes on now. */
  get life(): Life | undefined {
    return this.#life?.living === true ? this.#life : undefined;
  }

  /** Takes over what an earlier life of the daemon left: `marked` carry the marker of this service, oldest first. */
  async resume(record: ServiceRecord, marked: readonly MarkedProcess[]): Promise<void> {
    this.#record.believe(record);
    if (record.announced) this.#reports.remember(record.instance);
    const found = resumption(record, { bootId: this.#context.bootId, marked, lives });
    switch (found.is) {
      case 'settled':
        return;
      case 'living':
        this.#record.believe(found.record);
        if (found.record.announced) this.#reports.remember(found.record.instance);
        return this.#adopt(found.record, found.pid, found.startTicks);
      case 'interrupted':
        return this.#record.change({ phase: 'interrupted', reason: 'the machine or its daemon went down' });
      case 'dead':
        if (record.phase === 'running' && !record.announced) this.#reports.started(record, this.#sources());
        for (const instance of found.instances) this.#reports.ended(instance, UNKNOWN_EXIT);
        return this.#record.change({ phase: 'exited', ...UNKNOWN_EXIT, reason: 'ended while the daemon was away' });
    }
  }

  /** Makes the instance anew. The same run again is answered with what it made. */
  make(spec: ServiceSpec, run: RunContext): Promise<{ readonly instance: string }> {
    return this.#exclusive(async () => {
      const record = this.#record.now;
      if (record?.run === run.run && record.made && (record.phase === 'running' || record.phase === 'exited'))
        return { instance: record.instance };
      refuseIfAborted(this.service, run.signal);
      const instance = instanceId(this.#context.clock.now());
      const before = this.life;
      // From here on its end belongs to this run, also while the intent is on its way to the disk.
      if (before !== undefined) before.stopping = true;
      try {
        await this.#record.intend(spec, instance, run.run, this.#context.bootId, 0);
      } catch (cause) {
        this.#unstop(before);
        throw cause;
      }
      const waited = this.#restarts.waiting;
      this.#restarts.cancel();
      try {
        if (before !== undefined) run.output(`stopping ${this.service} (pid ${before.pid})`);
        await this.#end(run.signal, record?.spec ?? spec);
      } catch (cause) {
        this.#undo(record, before, waited);
        throw cause;
      }
      const life = await this.#spawn(spec, instance, run.run).catch(async (cause: unknown) => {
        await this.#record.change({ phase: 'failed', reason: messageOf(cause) });
        if (before !== undefined) this.#reports.ended(before.instance, before.exit ?? UNKNOWN_EXIT);
        throw cause;
      });
      run.output(`started ${this.service} (pid ${life.pid})`);
      this.#restarts.reset();
      this.#begin(life, () => this.#announce(life));
      await this.#running(life);
      return { instance };
    });
  }

  /** Stops it; a record stays that says on whose word. */
  halt(run: RunContext, reason: 'daemon' | 'person'): Promise<void> {
    return this.#exclusive(async () => {
      const record = this.#record.now;
      if (record === undefined) return;
      refuseIfAborted(this.service, run.signal);
      const waits = this.#restarts.waiting;
      const before = this.life;
      if (before !== undefined) run.output(`stopping ${this.service} (pid ${before.pid})`);
      const halting = reason === 'daemon' && before !== undefined;
      // For the next daemon, should this one be killed half-way. A disk that refuses is no reason to go on running.
      if (halting) await this.#record.change({ phase: 'halting' }).catch(() => undefined);
      try {
        await this.#endOrResume(run.signal, before);
      } catch (cause) {
        if (halting) this.#background(this.#record.change({ phase: 'running' }));
        throw cause;
      }
      this.#restarts.cancel();
      if (reason === 'person') {
        // The world is told: it is held, so that this is no drift.
        if (before !== undefined) this.#reports.ended(before.instance, before.exit ?? UNKNOWN_EXIT);
        await this.#record.change({
          phase: 'stopped',
          ...before?.exit,
          reason: 'stopped by a person',
          endedBy: run.run,
        });
      } else if (before !== undefined || waits) {
        await this.#record.change({
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
      refuseIfAborted(this.service, run.signal);
      await this.#endOrResume(run.signal, this.life);
      this.#restarts.cancel();
      const instance = this.#record.now?.instance ?? null;
      this.#life = undefined;
      await this.#record.forget();
      this.#reports.removed(instance);
    });
  }

  /** Ends supervision and leaves the process alone. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#restarts.cancel();
    this.#stable?.cancel();
    await this.#record.settled();
  }

  async #adopt(record: ServiceRecord, pid: number, startTicks: number): Promise<void> {
    const { clock } = this.#context;
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
    const { pid, startTicks } = life;
    const record = this.#record.now;
    if (record !== undefined) this.#record.believe({ ...record, pid, startTicks, phase: 'running', made: true });
    say();
    void life.ended.then((exit) => this.#ended(life, exit));
  }

  #running(life: Life): Promise<void> {
    // The intent is enough to find it again, so that a disk that refuses here costs nothing but a scan.
    return this.#record
      .change({
        ...(life.living ? { phase: 'running' } : {}),
        made: true,
        previous: null,
        pid: life.pid,
        startTicks: life.startTicks,
      })
      .catch((cause: unknown) =>
        this.#context.log.warn('a record could not be written', { service: this.service, reason: messageOf(cause) }),
      );
  }

  #announce(life: Life): void {
    const record = this.#record.now;
    if (record === undefined) return;
    this.#reports.started(record, this.#sources(), () => this.#announced(life));
    this.#healthyInTime(life);
  }

  #announced(life: Life): void {
    if (this.#record.now?.instance === life.instance) this.#background(this.#record.change({ announced: true }));
  }

  /** With a healthcheck, that it runs is all there is to say; without one, that it goes on running is. */
  #healthyInTime(life: Life): void {
    const { clock, stableMs } = this.#context;
    const run = this.#record.now?.run ?? '';
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
      this.#restarts.reset();
      then();
    });
  }

  #ended(life: Life, exit: Exit): void {
    if (this.#closed || life !== this.#life || life.stopping) return;
    this.#stable?.cancel();
    this.#reports.ended(life.instance, exit);
    this.#context.log.info('a service ended', { service: this.service, pid: life.pid, how: described(exit) });
    this.#background(this.#record.change({ phase: 'exited', ...exit }));
    const policy = this.#record.now?.spec?.definition.process?.restart ?? 'no';
    if (wantsRestart(policy, exit)) this.#restartLater(exit);
    else this.#reports.gaveUp(exit);
  }

  #restartLater(last: Exit): void {
    this.#restarts.later(() => this.#background(this.#exclusive(() => this.#restartNow(last))));
  }

  async #restartNow(last: Exit): Promise<void> {
    const record = this.#record.now;
    const spec = record?.spec;
    if (this.#closed || record === undefined || spec == null || record.phase !== 'exited' || this.life !== undefined)
      return;
    const { clock } = this.#context;
    const instance = instanceId(clock.now());
    try {
      await this.#record.intend(spec, instance, record.run, this.#context.bootId, record.restarts + 1);
      await this.#end(new AbortController().signal, spec);
      const life = await this.#spawn(spec, instance, record.run);
      this.#begin(life, () => {
        const now = this.#record.now ?? record;
        const announced = (): void => this.#announced(life);
        this.#reports.restarted(now, this.#sources(), clock.monotonic(), last, announced);
        this.#whenStable(this.#context.stableMs, () => {
          const stable = this.#record.now;
          if (stable !== undefined) this.#reports.stable(stable, this.#sources(), announced);
        });
      });
      await this.#running(life);
    } catch (cause) {
      this.#context.log.warn('a service could not be started again', {
        service: this.service,
        reason: messageOf(cause),
      });
      await this.#record.set({ ...record, reason: messageOf(cause) }).catch(() => undefined);
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
  async #end(signal: AbortSignal, spec = this.#record.now?.spec): Promise<void> {
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

  /** The run ended before it made anything: the record is again what it was. On disk the intent says as much. */
  #undo(record: ServiceRecord | undefined, life: Life | undefined, waited: boolean): void {
    this.#background(this.#record.revert(record));
    this.#unstop(life);
    if (waited) this.#restartLater(UNKNOWN_EXIT);
  }

  /** It was asked to end and nobody waits for it any more: that it ends is news again. */
  #unstop(life: Life | undefined): void {
    if (life === undefined) return;
    life.stopping = false;
    if (life.exit !== undefined) this.#ended(life, life.exit);
    else this.#healthyInTime(life);
  }

  #sources(): readonly string[] {
    return this.#context.sources(this.#record.now?.spec ?? null);
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
