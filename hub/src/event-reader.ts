/** Reading the journal for people and tools: the newest that match, and everything after an ordinal, live. */
import type { EventQuery } from '@lab/api/control-plane';
import type { EventView, JournalEvent } from '@lab/sdk';

export interface ReadJournal {
  readonly head: number;
  read(fromOrd: number): AsyncIterable<readonly JournalEvent[]>;
  onAppend(listener: (events: readonly JournalEvent[]) => void): () => void;
}

/** How far back a filtered question looks at first; it goes on doubling until it has enough. */
const FIRST_LOOK = 2_000;

export class EventReader {
  readonly #journal: ReadJournal;
  readonly #nameOf: (event: JournalEvent) => string;

  constructor(journal: ReadJournal, nameOf: (event: JournalEvent) => string) {
    this.#journal = journal;
    this.#nameOf = nameOf;
  }

  /** The newest `limit` that match, oldest first. */
  async newest(query: EventQuery): Promise<EventView[]> {
    const floor = query.after ?? 0;
    for (let look = FIRST_LOOK; ; look *= 8) {
      const from = Math.max(floor, this.#journal.head - look);
      const found: EventView[] = [];
      for await (const events of this.#journal.read(from + 1)) {
        for (const event of events) if (this.#matches(query, event)) found.push(event);
        if (found.length > query.limit * 2) found.splice(0, found.length - query.limit);
      }
      if (found.length >= query.limit || from === floor) return found.slice(-query.limit);
    }
  }

  /** Everything after an ordinal, in order, each once; what comes while the reader is slow is read from disk again. */
  async follow(after: number, each: (event: EventView) => Promise<void> | void, signal: AbortSignal): Promise<void> {
    let next = after + 1;
    let wake: () => void = () => {};
    const stop = this.#journal.onAppend(() => wake());
    signal.addEventListener('abort', () => wake(), { once: true });
    try {
      while (!signal.aborted) {
        const { head } = this.#journal;
        for await (const events of this.#journal.read(next)) {
          for (const event of events) {
            if (signal.aborted) return;
            if (event.ord < next) continue;
            await each(event);
            next = event.ord + 1;
          }
        }
        // What is up to there and did not come cannot be read: it is not waited for.
        next = Math.max(next, head + 1);
        if (this.#journal.head < next && !signal.aborted) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          wake = () => {};
        }
      }
    } finally {
      stop();
    }
  }

  #matches({ node, service, type, class: cls, since }: EventQuery, event: JournalEvent): boolean {
    return (
      (node === undefined || this.#nameOf(event) === node || event.data.node === node) &&
      (service === undefined || event.service === service) &&
      (type === undefined || event.type === type) &&
      (cls === undefined || event.class === cls) &&
      (since === undefined || event.receivedAt >= since)
    );
  }
}
