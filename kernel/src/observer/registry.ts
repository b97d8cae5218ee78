/**
 * The typed registry of events: which types this version knows, built in or brought by plugins. A type that is not here is
 * stored and ignored.
 */
import { type EventType, LabError } from '@lab/sdk';

export class EventRegistry {
  readonly #types = new Map<string, EventType>();

  constructor(types: Iterable<EventType> = []) {
    for (const type of types) this.add(type);
  }

  add(type: EventType): void {
    if (this.#types.has(type.type)) {
      throw new LabError('conflict', `event type ${type.type} is registered twice`, {
        at: type.type,
        hint: 'prefix a plugin event with the name of its plugin',
      });
    }
    this.#types.set(type.type, type);
  }

  get(type: string): EventType | undefined {
    return this.#types.get(type);
  }

  all(): readonly EventType[] {
    return [...this.#types.values()];
  }
}
