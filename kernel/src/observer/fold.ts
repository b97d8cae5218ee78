/**
 * The fold: events in journal order -> the world. Nothing else writes it.
 *
 * INVARIANTS: pure in (world, event); an event that its type cannot apply changes nothing and is reported, and so does the next
 * fold of the same journal; an event is applied once, because the journal gives each ordinal once.
 */
import type { JournalEvent } from '@lab/sdk';
import type { EventRegistry } from './registry.ts';
import type { World } from './world.ts';

export interface AliasRow {
  readonly node: string;
}

export class Fold {
  readonly world: World;
  readonly #registry: EventRegistry;
  readonly #onBad: (event: JournalEvent, cause: unknown) => void;

  constructor(world: World, registry: EventRegistry, onBad: (event: JournalEvent, cause: unknown) => void = () => {}) {
    this.world = world;
    this.#registry = registry;
    this.#onBad = onBad;
  }

  apply(event: JournalEvent): void {
    if (event.ord <= this.world.ord) return;
    this.world.ord = event.ord;
    const type = this.#registry.get(event.type);
    if (type?.fold === undefined || (type.class !== 'shared' && type.class !== event.class)) return;
    try {
      type.fold(this.world.writer(event.class), event, this.subject(event));
    } catch (cause) {
      this.#onBad(event, cause);
    }
  }

  /** The node that an event is about, under its name of today. */
  subject(event: JournalEvent): string {
    const about = this.#registry.get(event.type)?.origin === 'hub' ? event.data.node : undefined;
    return this.nameOf(typeof about === 'string' ? about : event.node);
  }

  /** A sender's own name -> its name of today. */
  nameOf(raw: string): string {
    return this.world.rows<AliasRow>('control', 'alias').get(raw)?.node ?? raw;
  }
}
