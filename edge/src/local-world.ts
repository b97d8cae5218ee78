/**
 * This node's own fold of its own log: what it knows without a hub. Kept in `edge/snapshot.json` from time to time, so that a start
 * folds only what came after.
 *
 * Classes are folded one after the other at a start; that gives the same world, because no class writes another's rows.
 */

import type { Disk } from '@lab/kernel/disk/disk';
import { readJson } from '@lab/kernel/disk/json';
import { builtInEvents } from '@lab/kernel/observer/events/built-in';
import { Fold } from '@lab/kernel/observer/fold';
import type { EventRegistry } from '@lab/kernel/observer/registry';
import { tablesSchema, World } from '@lab/kernel/observer/world';
import { EVENT_CLASSES, type EventClass, type JournalEvent, type LabEvent, type Log } from '@lab/sdk';
import { z } from 'zod';

const snapshotSchema = z.strictObject({
  log: z.string(),
  seqs: z.strictObject({ control: z.int(), health: z.int(), bulk: z.int() }),
  tables: tablesSchema,
});

/** What of a log this needs: every line from a seq on. */
export interface FoldableLog {
  readonly log: string;
  events(cls: EventClass, fromSeq: number): AsyncIterable<LabEvent>;
  tail(cls: EventClass): { readonly last: number };
}

export class LocalWorld {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #listeners = new Set<(event: JournalEvent) => void>();
  readonly #fold: Fold;
  readonly #seqs: Record<EventClass, number>;
  #log: string;

  private constructor(disk: Disk, path: string, fold: Fold, log: string, seqs: Record<EventClass, number>) {
    this.#disk = disk;
    this.#path = path;
    this.#fold = fold;
    this.#log = log;
    this.#seqs = seqs;
  }

  static async open(
    disk: Disk,
    path: string,
    source: FoldableLog,
    log: Log,
    onBad: (path: string, reason: string) => Promise<void>,
    registry: EventRegistry = builtInEvents(),
  ): Promise<LocalWorld> {
    const stored = await readJson(disk, path, snapshotSchema, onBad);
    // One that is ahead of the log (a log that was cut) would hide what comes under the same numbers.
    const ahead = stored !== undefined && EVENT_CLASSES.some((cls) => stored.seqs[cls] > source.tail(cls).last);
    const usable = stored?.log === source.log && !ahead ? stored : undefined;
    const world = usable === undefined ? new World() : World.fromTables(1, usable.tables);
    const fold = new Fold(world, registry, (event, cause) =>
      log.warn('an event could not be folded', { event: event.id, cause: String(cause) }),
    );
    const local = new LocalWorld(disk, path, fold, source.log, usable?.seqs ?? { control: 0, health: 0, bulk: 0 });
    for (const cls of EVENT_CLASSES) {
      for await (const event of source.events(cls, local.#seqs[cls] + 1)) local.fold(event);
    }
    return local;
  }

  get view(): World {
    return this.#fold.world;
  }

  /** Folds one event of this node's log, once. */
  fold(event: LabEvent): void {
    if (event.log !== this.#log) {
      this.#log = event.log;
      for (const cls of EVENT_CLASSES) this.#seqs[cls] = 0;
    }
    if (event.seq <= this.#seqs[event.class]) return;
    this.#seqs[event.class] = event.seq;
    const journalled: JournalEvent = { ...event, ord: this.#fold.world.ord + 1, receivedAt: event.at };
    this.#fold.apply(journalled);
    for (const listener of this.#listeners) listener(journalled);
  }

  onFolded(listener: (event: JournalEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async save(): Promise<void> {
    await this.#disk.replace(
      this.#path,
      JSON.stringify({ log: this.#log, seqs: this.#seqs, tables: this.view.tables() }),
    );
  }
}
