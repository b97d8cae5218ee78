/**
 * The hub's observer: the journal's events folded into the world, and the fold's checkpoint in SQLite.
 *
 * INVARIANTS: the fold is never ahead of what is synced; it folds each ordinal once and in order; the checkpoint's rows and the
 * ordinal that vouches for them are committed together, so losing it costs a replay and nothing else.
 */
import type { Clock, JournalEvent, Log, Timer } from '@lab/sdk';
import { Fold } from './fold.ts';
import type { EventRegistry } from './registry.ts';
import type { ChangedRow, World } from './world.ts';

const CHECKPOINT_EVERY_MS = 5_000;

/** What of the journal is folded. */
export interface FoldedJournal {
  readonly head: number;
  read(fromOrd: number): AsyncIterable<readonly JournalEvent[]>;
  onAppend(listener: (events: readonly JournalEvent[]) => void): () => void;
}

/** Where checkpoints are kept. */
export interface Checkpoints {
  save(ord: number, changed: readonly ChangedRow[]): void;
}

export interface ObserverArgs {
  readonly journal: FoldedJournal;
  readonly registry: EventRegistry;
  readonly clock: Clock;
  readonly log: Log;
  readonly checkpoints: Checkpoints;
  /** The newest state that can be had without the journal: a checkpoint or a snapshot; an empty world where there is none. */
  readonly start: World;
}

export class Observer {
  readonly #args: ObserverArgs;
  readonly #fold: Fold;
  readonly #listeners = new Set<(events: readonly JournalEvent[]) => void>();
  #timer: Timer | undefined;
  #stopAppend: () => void = () => {};
  #saved: number;
  #receivedAt = '';

  constructor(args: ObserverArgs) {
    this.#args = args;
    this.#saved = args.start.ord;
    this.#fold = new Fold(args.start, args.registry, (event, cause) => {
      args.log.error('an event could not be folded and is passed over', {
        event: event.id,
        type: event.type,
        reason: String(cause),
      });
    });
  }

  get world(): World {
    return this.#fold.world;
  }

  /** When the newest folded event was received; empty where none was folded in this life. */
  get receivedAt(): string {
    return this.#receivedAt;
  }

  /** The name of today of a sender. */
  nameOf(raw: string): string {
    return this.#fold.nameOf(raw);
  }

  /** Folds what the journal has beyond the start, then follows it. */
  async open(): Promise<void> {
    const { journal, clock } = this.#args;
    for await (const events of journal.read(this.world.ord + 1)) this.#apply(events);
    this.#stopAppend = journal.onAppend((events) => {
      this.#apply(events);
      for (const listener of this.#listeners) listener(events);
    });
    this.#timer = clock.every(CHECKPOINT_EVERY_MS, () => this.checkpoint());
  }

  /** Calls after every fold of new events. */
  onFolded(listener: (events: readonly JournalEvent[]) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  checkpoint(): void {
    if (this.world.ord === this.#saved) return;
    try {
      this.#args.checkpoints.save(this.world.ord, this.world.changed());
      this.world.forgetChanged();
      this.#saved = this.world.ord;
    } catch (cause) {
      this.#args.log.error('the checkpoint could not be written; the journal still has everything', {
        reason: String(cause),
      });
    }
  }

  close(): void {
    this.#timer?.cancel();
    this.#stopAppend();
    this.checkpoint();
  }

  #apply(events: readonly JournalEvent[]): void {
    for (const event of events) this.#fold.apply(event);
    this.#receivedAt = events.at(-1)?.receivedAt ?? this.#receivedAt;
  }
}
