/** A few types of events, a disk in memory, and logs on it: what the tests of the observer begin with. */
import { type EventType, LabError } from '@lab/sdk';
import { FakeClock, KeptLog } from '@lab/sdk/testing';
import { z } from 'zod';
import type { Disk } from '../src/disk/disk.ts';
import { EdgeLog, type EdgeLogOptions } from '../src/observer/edge-log.ts';
import { Journal, type JournalOptions } from '../src/observer/journal.ts';
import { EventRegistry } from '../src/observer/registry.ts';

const data = z.object({ n: z.int() });

export const TEST_TYPES: readonly EventType[] = [
  { type: 'noted', class: 'control', origin: 'node', severity: 'info', data },
  { type: 'felt', class: 'health', origin: 'node', severity: 'warning', data },
  { type: 'counted', class: 'bulk', origin: 'node', severity: 'info', data: z.record(z.string(), z.unknown()) },
  { type: 'decided', class: 'control', origin: 'hub', severity: 'info', data },
  { type: 'shared', class: 'shared', origin: 'any', severity: 'info', data },
  {
    type: 'events_dropped',
    class: 'control',
    origin: 'node',
    severity: 'warning',
    data: z.object({ class: z.string(), from: z.int(), to: z.int(), count: z.int() }),
  },
];

export class EventHouse {
  readonly clock = new FakeClock();
  readonly log = new KeptLog();
  readonly registry = new EventRegistry(TEST_TYPES);
  readonly #life: string;
  #ids = 0;

  /** `life`: two characters that tell its random ids from those of another life on the same disk. */
  constructor(life = 'id') {
    this.#life = life;
  }

  readonly randomId = (): string => `${this.#life}${(this.#ids++).toString(36).padStart(10, '0')}`;

  edge(disk: Disk, more: Partial<EdgeLogOptions> = {}): Promise<EdgeLog> {
    const { clock, log, registry, randomId } = this;
    return EdgeLog.open({
      disk,
      dir: '/edge/log',
      node: 'n1',
      clock,
      registry,
      randomId,
      log,
      reserveBytes: 4_096,
      ...more,
    });
  }

  journal(disk: Disk, more: Partial<JournalOptions> = {}): Promise<Journal> {
    const { clock, log, registry, randomId } = this;
    return Journal.open({ disk, root: '/hub', clock, registry, log, hubNode: 'hub', randomId, ...more });
  }
}

/** Sends everything that the journal does not have, as a pump does: hello, then batches. */
export async function drain(edge: EdgeLog, journal: Journal, maxBytes = 1e6): Promise<void> {
  for (const cls of ['control', 'health', 'bulk'] as const) {
    const position = journal.position('n1', edge.log, cls)?.seq ?? 0;
    const { first, last } = edge.tail(cls);
    if (position > last || position < first - 1) throw new LabError('refused', 'another past');
    await edge.acked(cls, position);
    for (let acked = position; acked < edge.tail(cls).last; ) {
      const lines = await edge.read(cls, acked + 1, maxBytes);
      acked = (await journal.accept({ node: 'n1', log: edge.log }, { class: cls, from: acked + 1, lines })).acked;
      await edge.acked(cls, acked);
    }
  }
}

export async function collect<T>(batches: AsyncIterable<T | readonly T[]>): Promise<T[]> {
  const all: T[] = [];
  for await (const batch of batches) all.push(...(Array.isArray(batch) ? (batch as T[]) : [batch as T]));
  return all;
}
