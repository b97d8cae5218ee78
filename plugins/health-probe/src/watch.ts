/**
 * Watches one instance: probes it again and again, and says when what it finds changes.
 *
 * INVARIANTS: probes never overlap; each transition is said once (again only where the disk refused it); after `end` nothing is
 * said. Failures within the start period count for nothing. While it starts, probes are frequent so that success is seen soon,
 * but failures count at the check's own interval, so that a slow start is not judged sooner for being watched closely.
 */
import { type Clock, type Emit, type Healthcheck, type HealthSubject, type Log, messageOf, type Timer } from '@lab/sdk';
import { type Finding, type Probe, withDeadline } from './probe.ts';

export interface WatchArgs {
  readonly subject: HealthSubject;
  readonly check: Healthcheck;
  readonly probe: Probe;
  /** Whether its process lives. That one ended is its provider's to say, and is the better cause. */
  readonly alive: () => boolean;
  readonly startingMs: number;
  readonly source: string;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly log: Log;
}

export class Watch {
  readonly #args: WatchArgs;
  readonly #ended = new AbortController();
  #timer: Timer | undefined;
  #begunAt = 0;
  #begun = false;
  /** It has not succeeded yet. */
  #starting = true;
  #failures = 0;
  #said: 'nothing' | 'healthy' | 'failed' = 'nothing';

  constructor(args: WatchArgs) {
    this.#args = args;
  }

  get instance(): string {
    return this.#args.subject.instance;
  }

  begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#begunAt = this.#args.clock.monotonic();
    void this.#look();
  }

  end(): void {
    this.#timer?.cancel();
    this.#ended.abort();
  }

  async #look(): Promise<void> {
    const { check, clock, probe, log, subject, startingMs } = this.#args;
    const { signal } = this.#ended;
    const found = await withDeadline(clock, check.timeout * 1000, signal, probe);
    if (signal.aborted) return;
    this.#count(found);
    try {
      await this.#say(found);
    } catch (cause) {
      log.warn('a finding could not be said; trying again', {
        service: subject.spec.service,
        reason: messageOf(cause),
      });
    }
    if (signal.aborted) return;
    const everyMs = check.interval * 1000;
    this.#timer = clock.after(this.#starting ? Math.min(startingMs, everyMs) : everyMs, () => void this.#look());
  }

  #count(found: Finding): void {
    if (found.ok) {
      this.#starting = false;
      this.#failures = 0;
      return;
    }
    if (!this.#starting) {
      this.#failures++;
      return;
    }
    const { check, clock } = this.#args;
    const countedMs = clock.monotonic() - this.#begunAt - check.startPeriod * 1000;
    this.#failures = Math.max(0, Math.floor(countedMs / (check.interval * 1000)));
  }

  async #say(found: Finding): Promise<void> {
    const { subject, check, source, emit, alive } = this.#args;
    const { instance, run } = subject;
    const { service } = subject.spec;
    if (found.ok && this.#said !== 'healthy') {
      const data = { instance, ...(run === undefined ? {} : { run }) };
      await emit({ type: 'service_healthy', source, service, data });
      this.#said = 'healthy';
    } else if (!found.ok && this.#failures >= check.retries && this.#said !== 'failed' && alive()) {
      const data = { instance, output: found.output, failures: this.#failures };
      await emit({ type: 'healthcheck_failed', source, service, data });
      this.#said = 'failed';
    }
  }
}
