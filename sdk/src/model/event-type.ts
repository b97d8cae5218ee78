/** A type of event: who may say it, what it carries, and what it does to the rows of its own class. */
import type { z } from 'zod';
import type { EventClass, JournalEvent, Severity } from './event.ts';

/** The rows of one class, for writing. Only an event of that class gets them, so no class can write another's. */
export interface ClassRows {
  of<T>(kind: string): RowTable<T>;
  /** The kinds of this class that have rows. */
  kinds(): readonly string[];
}

export interface RowTable<T> {
  get(key: string): T | undefined;
  set(key: string, row: T): void;
  delete(key: string): void;
  entries(): Iterable<readonly [string, T]>;
}

export interface EventType {
  readonly type: string;
  /** The class it travels in; a `shared` one may travel in any. */
  readonly class: EventClass | 'shared';
  /** `hub`: only the hub's own log may say it. `node`: only a node, about itself. */
  readonly origin: 'hub' | 'node' | 'any';
  readonly severity: Severity;
  readonly data: z.ZodType;
  /**
   * Applies it. `node` is the sender under its name of today; for an event of the hub's that is about a node, that is in `data.node`.
   * Pure in rows and event. Absent: it is kept in the journal and changes nothing.
   */
  readonly fold?: (rows: ClassRows, event: JournalEvent, node: string) => void;
}
