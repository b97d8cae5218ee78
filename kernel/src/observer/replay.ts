/** The world as it was: the fold of the journal up to a time of receipt, from the newest snapshot before it. */
import type { JournalEvent } from '@lab/sdk';
import { Fold } from './fold.ts';
import type { EventRegistry } from './registry.ts';
import type { World } from './world.ts';

export interface ReplayedJournal {
  read(fromOrd: number): AsyncIterable<readonly JournalEvent[]>;
}

export interface ReplayArgs {
  readonly journal: ReplayedJournal;
  readonly registry: EventRegistry;
  /** The newest world on disk that is not later than `until`; an empty one where there is none. */
  readonly start: World;
  /** Instant; everything where it is absent. */
  readonly until?: string;
}

/** Times of receipt never go back in the journal, so the first later one ends it. */
export async function replay({ journal, registry, start, until }: ReplayArgs): Promise<World> {
  const fold = new Fold(start, registry);
  for await (const events of journal.read(start.ord + 1)) {
    for (const event of events) {
      if (until !== undefined && event.receivedAt > until) return fold.world;
      fold.apply(event);
    }
  }
  return fold.world;
}
