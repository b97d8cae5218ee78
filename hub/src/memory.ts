/**
 * What the hub remembers: the journal, its fold, and the checkpoints and snapshots that spare reading all of it again.
 *
 * INVARIANTS: the journal is the truth. A checkpoint is used only if every print of a position that it vouches for is there (a person who
 * removes `state/observer/<node>.json` asks for that node to be folded again), and never if it is ahead of the journal. A day of the
 * journal goes only once a snapshot covers it.
 */
import type { Disk } from '@lab/kernel/disk/disk';
import { Inbox } from '@lab/kernel/observer/inbox';
import { Journal, type JournalStart } from '@lab/kernel/observer/journal';
import { Observer } from '@lab/kernel/observer/observer';
import { PositionPrints } from '@lab/kernel/observer/positions-print';
import type { Quarantine } from '@lab/kernel/observer/quarantine';
import type { EventRegistry } from '@lab/kernel/observer/registry';
import { Snapshots } from '@lab/kernel/observer/snapshots';
import { rowsOf, type Tables, tablesSchema, World } from '@lab/kernel/observer/world';
import { RowStore } from '@lab/kernel/store/row-store';
import { type Clock, type Fleet, instant, type Log } from '@lab/sdk';
import { hubPaths } from './paths.ts';

export interface MemoryArgs {
  readonly disk: Disk;
  readonly root: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly registry: EventRegistry;
  readonly quarantine: Quarantine;
  readonly hubNode: string;
  /** Whether there is a database for checkpoints. */
  readonly database: boolean;
}

export interface Memory {
  readonly journal: Journal;
  readonly observer: Observer;
  /** Looked at with each tick of the loop. */
  readonly chores: readonly (() => Promise<unknown>)[];
  housekeeping(fleet: () => Fleet): readonly { readonly everyMs: number; readonly run: () => Promise<void> }[];
  /** The newest world on disk that is not later than an instant. */
  worldBefore(until: string): Promise<World>;
  close(): Promise<void>;
}

const DAY_MS = 86_400_000;
const PRINT_EVERY_MS = 5_000;
const SNAPSHOT_LOOK_MS = 60_000;
/** A snapshot is due when so many events came since the last one, or a day has passed. */
const SNAPSHOT_EVENTS = 100_000;
const SNAPSHOTS_KEPT = 8;

export async function openMemory(args: MemoryArgs): Promise<Memory> {
  const { disk, root, clock, log, registry, quarantine, hubNode } = args;
  const paths = hubPaths(root);
  const store = args.database ? await RowStore.open(paths.db, { disk, quarantine, log }) : undefined;
  const snapshots = new Snapshots<Tables>({ disk, dir: paths.snapshots, quarantine, log, tables: tablesSchema });
  const prints = new PositionPrints(disk, paths.positions);
  let world = new World();
  let whole = true;

  /** A checkpoint of this journal; else, where the journal does not reach back to its beginning or nobody asked for a refold, a snapshot. */
  const start = async (
    journal: string,
    { first, last }: { first: number; last: number },
  ): Promise<JournalStart | undefined> => {
    const checkpoint = store?.load(journal, last);
    const missing = checkpoint === undefined ? [] : await prints.missing(checkpoint.positions);
    if (checkpoint !== undefined && missing.length === 0) {
      world = World.from(checkpoint.ord, checkpoint.rows);
      whole = false;
      return checkpoint;
    }
    if (missing.length > 0) log.info('nodes are folded again, because their prints are gone', { nodes: missing });
    const snapshot =
      missing.length > 0 ? (first > 1 ? await snapshots.oldest() : undefined) : await snapshots.latest(journal, last);
    if (snapshot === undefined || snapshot.ord > last) return undefined;
    world = World.fromTables(snapshot.ord, snapshot.tables);
    return snapshot;
  };

  const journal = await Journal.open({
    disk,
    root,
    clock,
    registry,
    log,
    hubNode,
    randomId: randomLogId,
    quarantine,
    start,
  });
  const save: ConstructorParameters<typeof Observer>[0]['checkpoints']['save'] = (ord, changed) => {
    const rows = whole ? rowsOf(observer.world.tables()) : changed;
    store?.save({ journal: journal.ownLog, ord, positions: journal.positions(), changed: rows, whole });
    whole = false;
  };
  const observer: Observer = new Observer({ journal, registry, clock, log, checkpoints: { save }, start: world });
  await observer.open();
  const inbox = new Inbox({ disk, root, journal, registry, quarantine, log });
  const print = (): Promise<void> => prints.print(journal.positions());

  let snapshotAt = clock.monotonic();
  const snapshot = async (fleet: Fleet): Promise<void> => {
    const newest = (await snapshots.ordinals()).at(-1) ?? 0;
    const due =
      journal.head - newest >= SNAPSHOT_EVENTS || (clock.monotonic() - snapshotAt >= DAY_MS && journal.head > newest);
    if (!due) return;
    snapshotAt = clock.monotonic();
    const { ord } = observer.world;
    await snapshots.write({
      ord,
      receivedAt: observer.receivedAt || instant(clock.now()),
      journal: journal.ownLog,
      positions: journal.positions(),
      tables: observer.world.tables(),
    });
    await snapshots.keep(SNAPSHOTS_KEPT);
    const before = instant(clock.now() - fleet.settings.retention.hubDays * DAY_MS).slice(0, 10);
    const removed = await journal.prune(before, snapshots);
    if (removed > 0) log.info('old days of the journal were removed', { files: removed, before });
  };

  return {
    journal,
    observer,
    chores: [() => inbox.scan()],
    housekeeping: (fleet) => [
      { everyMs: PRINT_EVERY_MS, run: print },
      { everyMs: SNAPSHOT_LOOK_MS, run: () => snapshot(fleet()) },
    ],
    worldBefore: async (until) => {
      for (let ord = journal.head; ; ) {
        const found = await snapshots.latest(journal.ownLog, ord);
        if (found === undefined) return new World();
        if (found.receivedAt <= until) return World.fromTables(found.ord, found.tables);
        ord = found.ord - 1;
      }
    },
    close: async () => {
      observer.close();
      store?.close();
      await journal.close();
    },
  };
}

function randomLogId(): string {
  const digits = '0123456789abcdefghijklmnopqrstuvwxyz';
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => digits[byte % digits.length]).join('');
}
