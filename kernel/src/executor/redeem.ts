/**
 * One run of one granted change, from its intention to how it ended. Each phase is on disk before the next begins, so that a crash
 * finds out where it was: what has not begun may begin, what is done is confirmed, what cannot be told has failed.
 */
import {
  type Applied,
  type Change,
  type Clock,
  delay,
  type Emit,
  type Grant,
  instant,
  type Log,
  messageOf,
  type ResourceApplier,
  type Timer,
} from '@lab/sdk';
import type { RunBook, RunRecord } from './run-book.ts';
import { RunOutput } from './run-output.ts';
import type { TimeFloor } from './time-floor.ts';

/** Resolves with the seq of the health event that confirms the instance, or with why it is not confirmed in time. */
export type Confirm = (
  change: Change,
  instance: string | null,
  timeoutMs: number,
  signal: AbortSignal,
) => Promise<{ readonly healthSeq: number } | { readonly reason: string }>;

export interface RedeemPorts {
  readonly book: RunBook;
  readonly floor: TimeFloor;
  readonly clock: Clock;
  readonly log: Log;
  readonly emit: Emit;
  readonly confirm: Confirm;
}

/** What ended a run early. */
export type Stopped =
  | { readonly why: 'cancelled'; readonly by: string }
  /** The daemon goes down; the next start takes the run up. */
  | { readonly why: 'shutdown' };

/** How long an applier may take to let go once it was told to stop. */
const LET_GO_MS = 10_000;
/** A confirmation that a crash cut off gets at least so long. */
const VERIFY_AGAIN_MS = 5_000;
const DIAGNOSE_MS = 10_000;
const REPLACED = 'it was cut off before its instance was confirmed, and another one has taken its place';
const DIAGNOSIS_CHARS = 16_000;

type WithGrant = RunRecord & { readonly grant: Grant };

export class Redemption {
  readonly #ports: RedeemPorts;
  readonly #applier: ResourceApplier;
  readonly #abort = new AbortController();
  #record: WithGrant;
  #stopped: Stopped | undefined;

  constructor(record: WithGrant, applier: ResourceApplier, ports: RedeemPorts) {
    this.#record = record;
    this.#applier = applier;
    this.#ports = ports;
  }

  get ulid(): string {
    return this.#record.ulid;
  }

  stop(stopped: Stopped): void {
    this.#stopped ??= stopped;
    this.#abort.abort(new Error(stopped.why));
  }

  /** A fresh grant: its record is on disk as `intended`. */
  async begin(): Promise<void> {
    const { run, id, ulid, pre, grant } = this.#record;
    await this.#say('action_run_started', { id, ulid, run, pre });
    await this.#apply(grant);
  }

  /** What an earlier life left. `valid` says why the grant may not be used any more, if so. */
  async resume(valid: () => string | undefined): Promise<void> {
    if (this.#record.phase === 'executed')
      return (await this.#replaced()) ? this.#fail('interrupted', REPLACED) : this.#verify();
    if (this.#record.phase !== 'intended') return;
    const { run, grant } = this.#record;
    const trace = await this.#applier.trace(grant.change, run);
    if (trace.state === 'done') {
      const verify = trace.verify ?? (trace.instance === null ? 'none' : 'health');
      return this.#executed({ instance: trace.instance, verify });
    }
    if (trace.state === 'unknown' || (await this.#applier.preimage(grant.change)) !== this.#record.pre) {
      return this.#fail('unknown', 'it was cut off, and how far it came cannot be told; it is not repeated');
    }
    const invalid = valid();
    if (invalid !== undefined) return this.#fail('interrupted', `it was cut off before it began, and now ${invalid}`);
    // Nothing of it has begun. The record may be one that an earlier life could not sync.
    await this.#ports.book.save(this.#record);
    await this.begin();
  }

  /** Another instance lives where this run made one (it was stopped in order, and kept by a new one): nothing can confirm it any more. */
  async #replaced(): Promise<boolean> {
    const { grant, instance = null, verify } = this.#record;
    if (verify !== 'health') return false;
    const lives = await this.#applier.preimage(grant.change);
    return lives !== null && lives !== instance;
  }

  async #apply(grant: Grant): Promise<void> {
    const { id, ulid, run } = this.#record;
    const { clock } = this.#ports;
    const output = new RunOutput({ id, ulid, run }, grant.change.service, this.#ports);
    const tooLate = new AbortController();
    const timer = clock.after(grant.timeoutMs, () => tooLate.abort(new Error('timeout')));
    const signal = AbortSignal.any([this.#abort.signal, tooLate.signal]);
    let applied: Applied;
    try {
      if (this.#stopped !== undefined) throw new Error(this.#stopped.why);
      const context = { run, signal, output: output.line };
      applied = await this.#lettingGo(this.#applier.apply(grant.change, context), signal);
    } catch (cause) {
      await output.flush();
      if (this.#stopped?.why === 'shutdown') return;
      if (this.#stopped !== undefined) return this.#fail('cancelled');
      if (tooLate.signal.aborted)
        return this.#fail('timeout', `it did not end within ${grant.timeoutMs / 1_000} s: ${messageOf(cause)}`);
      return this.#fail(`failed: ${firstLine(messageOf(cause))}`, messageOf(cause));
    } finally {
      timer.cancel();
    }
    await output.flush();
    await this.#executed(applied);
  }

  /** The applier's answer; one that does not heed the signal is waited for only so long. */
  async #lettingGo(answer: Promise<Applied>, signal: AbortSignal): Promise<Applied> {
    let timer: Timer | undefined;
    const abandoned = Promise.withResolvers<never>();
    const abandon = (): void => {
      timer = this.#ports.clock.after(LET_GO_MS, () => abandoned.reject(new Error('it did not stop when told')));
    };
    if (signal.aborted) abandon();
    else signal.addEventListener('abort', abandon, { once: true });
    try {
      return await Promise.race([answer, abandoned.promise]);
    } finally {
      signal.removeEventListener('abort', abandon);
      timer?.cancel();
    }
  }

  async #executed({ instance, verify }: Applied): Promise<void> {
    const { id, ulid, run } = this.#record;
    const executedAt = instant(this.#ports.floor.now());
    await this.#save({ ...this.#record, phase: 'executed', executedAt, instance, verify });
    await this.#say('action_run_executed', { id, ulid, run, instance });
    await this.#verify();
  }

  async #verify(): Promise<void> {
    const { id, ulid, run, grant, instance = null, verify, executedAt } = this.#record;
    if (this.#stopped?.why === 'shutdown') return;
    if (this.#stopped !== undefined) return this.#fail('cancelled');
    let healthSeq = 0;
    if (verify === 'health') {
      const passed = executedAt === undefined ? 0 : Math.max(0, this.#ports.floor.now() - Date.parse(executedAt));
      const left = Math.max(Math.min(VERIFY_AGAIN_MS, grant.verifyMs), grant.verifyMs - passed);
      const said = await this.#ports.confirm(grant.change, instance, left, this.#abort.signal);
      // Typed anew: it may have been stopped while it waited.
      const stopped = this.#stopped as Stopped | undefined;
      if ('reason' in said) {
        if (stopped?.why === 'shutdown') return;
        return this.#fail(stopped === undefined ? said.reason : 'cancelled');
      }
      healthSeq = said.healthSeq;
    }
    const { class: cls, service, to } = grant.change;
    await this.#end('action_run_verified', { id, ulid, run, instance, healthSeq, class: cls, service, to });
  }

  async #fail(reason: string, found?: string): Promise<void> {
    const { id, ulid, run, grant } = this.#record;
    const evidence = await this.#diagnose(grant.change);
    const diagnosis = [found, evidence].filter(Boolean).join('\n').slice(0, DIAGNOSIS_CHARS);
    const by = this.#stopped?.why === 'cancelled' ? this.#stopped.by : undefined;
    await this.#end('action_run_failed', {
      id,
      ulid,
      run,
      reason,
      ...(diagnosis === '' ? {} : { diagnosis }),
      ...(by === undefined ? {} : { by }),
    });
  }

  async #diagnose(change: Change): Promise<string> {
    const { clock } = this.#ports;
    const ended = new AbortController();
    try {
      return await Promise.race([
        this.#applier.diagnose(change),
        delay(clock, DIAGNOSE_MS, ended.signal).then(() => 'the diagnosis took too long'),
      ]);
    } catch (cause) {
      return `no diagnosis: ${messageOf(cause)}`;
    } finally {
      ended.abort(new Error('diagnosed'));
    }
  }

  /** How it ended is on disk before it is said, so that it is never told in two ways. */
  async #end(type: string, data: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#save({ ...this.#record, phase: 'ending', ending: { type, data: { ...data } } });
  }

  async #save(record: WithGrant): Promise<void> {
    await this.#ports.book.save(record);
    this.#record = record;
  }

  async #say(type: string, data: Readonly<Record<string, unknown>>): Promise<void> {
    const { service } = this.#record.grant.change;
    await this.#ports.emit({ type, ...(service === null ? {} : { service }), data });
  }
}

/** The whole of it is in the diagnosis. */
function firstLine(text: string): string {
  return (text.split('\n', 1)[0] ?? '').slice(0, 200);
}
