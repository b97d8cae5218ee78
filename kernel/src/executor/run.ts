/**
 * Redeems grants on the node that they are for: each once, one at a time, in the order the hub named them.
 *
 * INVARIANTS: a grant is on disk before anything is made of it, so that it can be redeemed after the link is cut; that it is used is
 * on disk before the first side effect, and a used ULID never runs again; what became of it is on disk before it is said, and
 * is said until the log has it. A grant that was cancelled unused is remembered as used.
 */
import { join } from 'node:path';
import {
  type Clock,
  type Emit,
  type Grant,
  instant,
  type Log,
  messageOf,
  type ResourceApplier,
  type Timer,
} from '@lab/sdk';
import type { Disk } from '../disk/disk.ts';
import type { Work } from '../link/link.ts';
import { Quarantine } from '../observer/quarantine.ts';
import { refusalOf } from './offered.ts';
import { type Confirm, Redemption } from './redeem.ts';
import { RunBook, type RunRecord, ULID_PATTERN } from './run-book.ts';
import { TimeFloor } from './time-floor.ts';

export interface RunnerPorts {
  readonly disk: Disk;
  /** `<root>/edge`. */
  readonly dir: string;
  readonly node: string;
  /** What the hub calls it today, where that is another name. */
  readonly nameOfToday?: () => string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly appliers: (resource: string) => ResourceApplier | undefined;
  readonly emit: Emit;
  readonly confirm: Confirm;
  /** Makes the id of a run. */
  readonly ulid: () => string;
  /** Why a grant is void by now: from or to digest is no longer what it says, or this node's generation is below it. */
  readonly check: (grant: Grant) => string | undefined;
}

const RETRY_MS = 5_000;
/** A window is looked at anew at least so often: clocks jump. */
const LOOK_AGAIN_MS = 30_000;

export class Runner {
  readonly #ports: RunnerPorts;
  readonly #quarantine: Quarantine;
  readonly #book: RunBook;
  readonly #floor: TimeFloor;
  #loaded: Promise<void> | undefined;
  #offers: Promise<void> = Promise.resolve();
  #loop: Promise<void> | undefined;
  #again = false;
  #current: Redemption | undefined;
  #timer: Timer | undefined;
  #closed = false;
  /** Grants that were refused, as they came: said once. */
  readonly #refused = new Set<string>();

  constructor(ports: RunnerPorts) {
    const { disk, dir, clock, log } = ports;
    this.#ports = ports;
    this.#quarantine = new Quarantine({ disk, dir: join(dir, 'quarantine'), clock, log });
    this.#book = new RunBook(disk, dir, this.#quarantine, log);
    this.#floor = new TimeFloor(disk, join(dir, 'time-floor.json'), clock);
  }

  /** Reads what is on disk, and takes up what was cut off. It does not wait until that has ended. */
  async recover(): Promise<void> {
    await this.#load();
    this.#kick();
  }

  /** What the link tells; as often as it likes. Resolves once it is on disk. */
  offer(grants: readonly Grant[], cancelled: Work['cancelled']): Promise<void> {
    const mine = this.#offers.then(() => this.#offer(grants, cancelled));
    this.#offers = mine.catch(() => {});
    return mine;
  }

  /** The time, from somebody who knows it. */
  heard(timeMs: number): Promise<void> {
    return this.#floor.told(timeMs);
  }

  /** Resolves when nothing runs and nothing can start now. */
  async idle(): Promise<void> {
    while (this.#loop !== undefined) await this.#loop;
  }

  /** Ends the runner: a run under way is told to stop and is left for the next start to judge. */
  async stop(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    this.#current?.stop({ why: 'shutdown' });
    await this.#offers;
    await this.#loop;
  }

  #load(): Promise<void> {
    this.#loaded ??= this.#readDisk().catch((cause: unknown) => {
      this.#loaded = undefined;
      throw cause;
    });
    return this.#loaded;
  }

  async #readDisk(): Promise<void> {
    await this.#floor.load(async (path, reason) => {
      await this.#quarantine.take(path, reason);
    });
    await this.#book.load();
    await this.#giveUpLost();
  }

  /** Uses of grants whose record is gone: they may have run, and so they do not run again. */
  async #giveUpLost(): Promise<void> {
    const lost = [...this.#book.lost];
    if (this.#book.lostUnnamed) {
      for (const { ulid, change } of this.#book.grants()) lost.push({ id: change.id, ulid });
    }
    for (const { id, ulid } of lost) {
      if (this.#book.used(ulid)) continue;
      const diagnosis = 'the record of its run cannot be read (see quarantine/); it is not repeated';
      await this.#close(id, ulid, 'action_run_failed', { reason: 'unknown', diagnosis });
    }
  }

  async #offer(grants: readonly Grant[], cancelled: Work['cancelled']): Promise<void> {
    await this.#load();
    let news = false;
    for (const offered of grants) {
      if (this.#book.used(offered.ulid) || this.#book.grant(offered.ulid) !== undefined) continue;
      const reason = refusalOf(offered, this.#isOurs(offered) ? offered.node : this.#ports.node);
      if (reason !== undefined) {
        await this.#refuse(offered, reason);
        continue;
      }
      await this.#book.addGrant(offered);
      news = true;
    }
    for (const { ulid, by, id } of cancelled) {
      if (this.#current?.ulid === ulid) this.#current.stop({ why: 'cancelled', by });
      else if (!this.#book.used(ulid)) {
        const known = this.#book.grant(ulid)?.change.id ?? id;
        if (known === undefined || !ULID_PATTERN.test(ulid)) continue;
        await this.#close(known, ulid, 'action_grant_voided', { reason: 'cancelled' });
        news = true;
      }
    }
    if (news) this.#kick();
  }

  /** Said once. A grant for another node is not ours to void; of any other that names its proposal the hub is told. */
  async #refuse(offered: Grant, reason: string): Promise<void> {
    const text = JSON.stringify(offered) ?? 'nothing';
    if (this.#refused.has(text)) return;
    if (this.#refused.size > 1_000) this.#refused.clear();
    this.#refused.add(text);
    await this.#quarantine.put('grant.json', text, reason);
    const id = offered.change?.id;
    const ours = this.#isOurs(offered) && typeof id === 'string';
    if (ours && ULID_PATTERN.test(offered.ulid)) {
      await this.#close(id, offered.ulid, 'action_grant_voided', { reason: `refused: ${reason}` });
      this.#kick();
    }
  }

  #isOurs({ node }: Grant): boolean {
    return node === this.#ports.node || node === this.#ports.nameOfToday?.();
  }

  #kick(): void {
    if (this.#closed) return;
    this.#again = true;
    this.#loop ??= this.#run().finally(() => {
      this.#loop = undefined;
      if (this.#again) this.#kick();
    });
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false;
      try {
        while (!this.#closed && (await this.#step()));
      } catch (cause) {
        this.#current = undefined;
        this.#ports.log.error('a run could not go on; it is taken up again', { reason: messageOf(cause) });
        this.#wake(RETRY_MS);
      }
    }
  }

  /** One thing further; false when there is nothing to do now. */
  async #step(): Promise<boolean> {
    const [cutOff] = this.#book.unfinished();
    if (cutOff !== undefined) {
      await this.#takeUp(cutOff);
      return true;
    }
    let waitMs = Number.POSITIVE_INFINITY;
    for (const grant of this.#book.grants()) {
      const reason = this.#void(grant);
      if (reason !== undefined) {
        await this.#close(grant.change.id, grant.ulid, 'action_grant_voided', { reason }, grant);
        return true;
      }
      const opensMs = this.#opensIn(grant);
      if (opensMs <= 0) {
        await this.#redeem(grant);
        return true;
      }
      waitMs = Math.min(waitMs, opensMs);
    }
    if (Number.isFinite(waitMs)) this.#wake(Math.min(waitMs, LOOK_AGAIN_MS));
    return false;
  }

  #void(grant: Grant): string | undefined {
    if (this.#floor.now() >= Date.parse(grant.expiresAt)) return 'expired';
    const { change } = grant;
    if (this.#ports.appliers(change.resource) === undefined) return `nothing on this node applies ${change.resource}`;
    return this.#ports.check(grant);
  }

  /** Milliseconds until its window opens; while the clock is behind what it once said, no window is open. */
  #opensIn({ notBefore }: Grant): number {
    if (notBefore === undefined) return 0;
    if (!this.#floor.trusted()) return LOOK_AGAIN_MS;
    return Date.parse(notBefore) - this.#ports.clock.now();
  }

  async #redeem(grant: Grant): Promise<void> {
    const applier = this.#ports.appliers(grant.change.resource);
    if (applier === undefined) return;
    const pre = await applier.preimage(grant.change);
    // A cancellation may have come while it looked; from here on one finds this run as the current one.
    if (this.#book.used(grant.ulid)) return;
    const record = {
      run: this.#ports.ulid(),
      id: grant.change.id,
      ulid: grant.ulid,
      phase: 'intended' as const,
      grant,
      pre,
      startedAt: instant(this.#floor.now()),
    };
    const redemption = this.#redemption(record, applier);
    this.#current = redemption;
    await this.#floor.save(true);
    await this.#book.save(record);
    await redemption.begin();
    this.#current = undefined;
  }

  async #takeUp(record: RunRecord): Promise<void> {
    const { grant } = record;
    if (record.phase === 'ending' || grant === undefined) return this.#tell(record);
    const applier = this.#ports.appliers(grant.change.resource);
    if (applier === undefined) {
      const diagnosis = `it was cut off, and nothing on this node applies ${grant.change.resource} now`;
      const data = { id: record.id, ulid: record.ulid, run: record.run, reason: 'unknown', diagnosis };
      await this.#book.save({ ...record, phase: 'ending', ending: { type: 'action_run_failed', data } });
      return;
    }
    const redemption = this.#redemption({ ...record, grant }, applier);
    this.#current = redemption;
    await redemption.resume(() => this.#void(grant));
    this.#current = undefined;
  }

  #redemption(record: RunRecord & { readonly grant: Grant }, applier: ResourceApplier): Redemption {
    const { clock, log, emit, confirm } = this.#ports;
    return new Redemption(record, applier, { book: this.#book, floor: this.#floor, clock, log, emit, confirm });
  }

  /** Ends a proposal that did not run, or that nobody knows about: remembered first, said next. */
  async #close(
    id: string,
    ulid: string,
    type: 'action_grant_voided' | 'action_run_failed',
    data: Readonly<Record<string, unknown>>,
    grant = this.#book.grant(ulid),
  ): Promise<void> {
    const run = this.#ports.ulid();
    const ran = type === 'action_run_failed' ? { run } : {};
    await this.#book.save({
      run,
      id,
      ulid,
      phase: 'ending',
      ...(grant === undefined ? {} : { grant }),
      pre: null,
      startedAt: instant(this.#floor.now()),
      ending: { type, data: { id, ulid, ...ran, ...data } },
    });
  }

  /** Says how it ended; then it is over, and its grant is nothing any more. */
  async #tell(record: RunRecord): Promise<void> {
    const service = record.grant?.change.service ?? null;
    if (record.ending !== undefined) {
      const { type, data } = record.ending;
      await this.#ports.emit({ type, ...(service === null ? {} : { service }), data });
    }
    await this.#book.save({ ...record, phase: 'done' });
    await this.#book.dropGrant(record.ulid);
    await this.#book.prune(this.#floor.now());
  }

  #wake(ms: number): void {
    if (this.#closed) return;
    this.#timer?.cancel();
    this.#timer = this.#ports.clock.after(ms, () => this.#kick());
  }
}
