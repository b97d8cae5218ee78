/**
 * What the hub remembers: the journal, its fold, and the checkpoints and snapshots that spare reading all of it again.
 *
 * INVARIANTS: the journal is the truth. A checkpoint is used only if every print of a position that it vouches for is there (a person who
 * removes `state/observer/<node>.json` asks for that node to be folded again), and never if it is ahead of the journal.
 */
import type { Disk } from '@lab/kernel/disk/disk';
import { Journal } from '@lab/kernel/observer/journal';
import { Observer } from '@lab/kernel/observer/observer';
import type { Quarantine } from '@lab/kernel/observer/quarantine';
import type { EventRegistry } from '@lab/kernel/observer/registry';
import { World } from '@lab/kernel/observer/world';
import type { Clock, Fleet, Log } from '@lab/sdk';

export interface MemoryArgs {
  readonly disk: Disk;
  readonly root: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly registry: EventRegistry;
  readonly quarantine: Quarantine;
  readonly hubNode: string;
}

export interface Memory {
  readonly journal: Journal;
  readonly observer: Observer;
  /** Looked at with each tick of the loop. */
  readonly chores: readonly (() => Promise<unknown>)[];
  housekeeping(fleet: () => Fleet): readonly { readonly everyMs: number; readonly run: () => Promise<void> }[];
  /** Prints positions for people. */
  print(): Promise<void>;
  /** The newest world on disk that is not later than an instant. */
  worldBefore(until: string): Promise<World>;
  close(): Promise<void>;
}

export async function openMemory({
  disk,
  root,
  clock,
  log,
  registry,
  quarantine,
  hubNode,
}: MemoryArgs): Promise<Memory> {
  const journal = await Journal.open({ disk, root, clock, registry, log, hubNode, randomId: randomLogId, quarantine });
  const observer = new Observer({ journal, registry, clock, log, checkpoints: { save: () => {} }, start: new World() });
  await observer.open();
  return {
    journal,
    observer,
    chores: [],
    housekeeping: () => [],
    print: async () => {},
    worldBefore: async () => new World(),
    close: async () => {
      observer.close();
      await journal.close();
    },
  };
}

function randomLogId(): string {
  const digits = '0123456789abcdefghijklmnopqrstuvwxyz';
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => digits[byte % digits.length]).join('');
}
