/**
 * The journal: every accepted event of the fleet in one order, `events/YYYY-MM-DD/<first ordinal>.jsonl`, by day of receipt.
 *
 * INVARIANTS: what `accept` and `own` resolved is synced, and positions, listeners and answers come after that; an event stands
 * once, by its position in its sender's stream; the sender's line stands as it came, behind `ord` and `receivedAt`. Ordinals go up, times
 * of receipt never go back, nor do days. A line that cannot be accepted is quarantined and acknowledged. A gap is refused.
 * It folds nothing and knows no aliases.
 */
import { join } from 'node:path';
import {
  asLabError,
  type Clock,
  EVENT_CLASSES,
  type EventClass,
  type Fact,
  instant,
  type JournalEvent,
  LabError,
  type Log,
  messageOf,
} from '@lab/sdk';
import type { Disk } from '../disk/disk.ts';
import type { EventBatch } from '../link/link.ts';
import { type CheckedFact, checkFact } from './fact-check.ts';
import { GroupCommit, type Outcome } from './group-commit.ts';
import { JournalCommit, type Sender } from './journal-commit.ts';
import { JournalDays } from './journal-days.ts';
import { claimIdentity } from './journal-identity.ts';
import { type Position, Positions } from './positions.ts';
import { Quarantine } from './quarantine.ts';
import type { EventRegistry } from './registry.ts';

export interface JournalOptions {
  readonly disk: Disk;
  /** The runtime root. */
  readonly root: string;
  readonly clock: Clock;
  readonly registry: EventRegistry;
  readonly log: Log;
  /** The name that the hub's own events carry. */
  readonly hubNode: string;
  readonly randomId: () => string;
  /** `quarantine/` unless told. */
  readonly quarantine?: Quarantine;
  /**
   * Finds a checkpoint or snapshot of this journal (the id of its own log) to begin from, so that not everything is read; one that is
   * ahead of `last` is not used.
   */
  readonly start?: (
    journal: string,
    extent: { readonly first: number; readonly last: number },
  ) => Promise<JournalStart | undefined>;
  readonly segmentBytes?: number;
}

export interface JournalStart {
  readonly ord: number;
  readonly positions: readonly Position[];
}

export interface Accepted {
  /** The acknowledged position of the stream. */
  readonly acked: number;
  /** Lines of this batch that were set aside. */
  readonly quarantined: number;
}

type Request = { readonly sender: Sender; readonly batch: EventBatch } | { readonly facts: readonly CheckedFact[] };
type Answer = Accepted | readonly JournalEvent[];
type Listener = (events: readonly JournalEvent[]) => void;

export class Journal {
  readonly #options: JournalOptions;
  readonly #days: JournalDays;
  readonly #quarantine: Quarantine;
  readonly #own: Sender & { readonly epoch: number };
  readonly #commits: GroupCommit<Request, Answer>;
  readonly #listeners = new Set<Listener>();
  #positions: Positions;
  #receivedAt: string;

  private constructor(args: {
    readonly options: JournalOptions;
    readonly days: JournalDays;
    readonly quarantine: Quarantine;
    readonly own: Sender & { readonly epoch: number };
    readonly positions: Positions;
    readonly receivedAt: string;
  }) {
    this.#options = args.options;
    this.#days = args.days;
    this.#quarantine = args.quarantine;
    this.#own = args.own;
    this.#positions = args.positions;
    this.#receivedAt = args.receivedAt;
    this.#commits = new GroupCommit<Request, Answer>({
      commit: (requests) => this.#commit(requests),
      sizeOf: (request) =>
        'facts' in request
          ? request.facts.reduce((sum, fact) => sum + fact.data.length + 256, 0)
          : request.batch.lines.reduce((sum, line) => sum + line.length, 0),
    });
  }

  static async open(options: JournalOptions): Promise<Journal> {
    const { disk, root, clock, log } = options;
    const quarantine = options.quarantine ?? new Quarantine({ disk, dir: join(root, 'quarantine'), clock, log });
    const days = await JournalDays.open({
      disk,
      dir: join(root, 'events'),
      log,
      quarantine,
      ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
    });
    const identity = await claimIdentity(disk, join(root, 'events'), options.randomId, quarantine);
    const start = await options.start?.(identity.log, { first: days.first, last: days.last });
    const usable = start !== undefined && start.ord <= days.last;
    if (start !== undefined && !usable) {
      log.warn('the checkpoint is ahead of the journal and is not used', { checkpoint: start.ord, journal: days.last });
    }
    const positions = new Positions(usable ? start.positions : []);
    let receivedAt = '';
    for await (const events of days.read(usable ? start.ord + 1 : 1)) {
      const staged = positions.stage();
      for (const { event, line } of events) JournalCommit.replay(staged, event, line);
      staged.commit();
      receivedAt = events.at(-1)?.event.receivedAt ?? receivedAt;
    }
    return new Journal({
      options,
      days,
      quarantine,
      own: { node: options.hubNode, ...identity },
      positions,
      receivedAt: receivedAt || (await days.lastReceivedAt()),
    });
  }

  /** The newest ordinal. */
  get head(): number {
    return this.#days.last;
  }

  /** The first ordinal that is still here; head + 1 where there is none. */
  get first(): number {
    return this.#days.first;
  }

  /** The id of the hub's own log. */
  get ownLog(): string {
    return this.#own.log;
  }

  /** Rejects with `conflict` and the acknowledged seq in `data.acked` where `from` does not continue the position. */
  async accept(sender: Sender, batch: EventBatch): Promise<Accepted> {
    if (!EVENT_CLASSES.includes(batch.class) || !Number.isSafeInteger(batch.from) || batch.from < 1) {
      throw new LabError('invalid', 'a batch has a class and the seq of its first line', { at: sender.node });
    }
    if (sender.log === this.#own.log) {
      throw new LabError('refused', 'this log is the hub’s own', { at: sender.node, hint: 'begin a new log' });
    }
    return (await this.#commits.add({ sender, batch })) as Accepted;
  }

  /** What the hub itself says: all of them or none, one after the other. */
  async own(facts: readonly Fact[]): Promise<readonly JournalEvent[]> {
    const checked = facts.map((fact) => checkFact(this.#options.registry, fact, 'hub'));
    return (await this.#commits.add({ facts: checked })) as readonly JournalEvent[];
  }

  /** Undefined where nothing of that stream was ever accepted. */
  position(node: string, log: string, cls: EventClass): Position | undefined {
    return this.#positions.get(node, log, cls);
  }

  /** Of every stream, as of `head`: what a checkpoint keeps. */
  positions(): Position[] {
    return this.#positions.all();
  }

  /** From an ordinal on, in batches; a damaged line is left out and reported. */
  async *read(fromOrd: number): AsyncGenerator<JournalEvent[]> {
    for await (const batch of this.#days.read(fromOrd)) yield batch.map(({ event }) => event);
  }

  /** The sender's line of an ordinal, as it came. */
  senderLine(ord: number): Promise<string | undefined> {
    return this.#days.senderLine(ord);
  }

  /** Called in order, after the sync and before the answers. */
  onAppend(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Removes what was received before a day (YYYY-MM-DD) as far as the oldest snapshot has it. Resolves with files removed. */
  async prune(before: string, snapshots: { oldest(): Promise<{ readonly ord: number } | undefined> }): Promise<number> {
    const covered = (await snapshots.oldest())?.ord ?? 0;
    return this.#commits.exclusive(() => this.#days.prune(before, covered));
  }

  async close(): Promise<void> {
    await this.#commits.idle();
    await this.#days.close();
  }

  async #commit(requests: readonly Request[]): Promise<Outcome<Answer>[]> {
    const { clock, registry } = this.#options;
    const receivedAt = later(instant(clock.now()), this.#receivedAt);
    const commit = new JournalCommit({
      registry,
      staged: this.#positions.stage(),
      own: this.#own,
      receivedAt,
      head: this.head,
    });
    const outcomes = requests.map((request): Outcome<Answer> => {
      try {
        return 'facts' in request
          ? { value: commit.own(request.facts) }
          : { value: commit.batch(request.sender, request.batch) };
      } catch (cause) {
        return { error: asLabError(cause) };
      }
    });
    for (const { name, lines, reason } of commit.asides) await this.#quarantine.put(name, lines.join('\n'), reason);
    await this.#days.write(commit.lines, receivedAt);
    commit.staged.commit();
    this.#receivedAt = receivedAt;
    if (commit.events.length > 0) this.#tell(commit.events);
    return outcomes;
  }

  #tell(events: readonly JournalEvent[]): void {
    for (const listener of this.#listeners) {
      try {
        listener(events);
      } catch (cause) {
        this.#options.log.error('a listener of the journal failed', { error: messageOf(cause) });
      }
    }
  }
}

/** Instants of one form compare as text. */
function later(a: string, b: string): string {
  return a < b ? b : a;
}
