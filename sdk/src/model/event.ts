/** An event: one fact, as a line of a node's log and, with `ord` and `receivedAt`, of the hub's journal. */
import { z } from 'zod';

/** Each class is a stream of its own with its own cursor; on a slow link control goes first. */
export const EVENT_CLASSES = ['control', 'health', 'bulk'] as const;
export const eventClassSchema = z.enum(EVENT_CLASSES);
export type EventClass = z.infer<typeof eventClassSchema>;

export const severitySchema = z.enum(['info', 'warning', 'error']);
export type Severity = z.infer<typeof severitySchema>;

export const eventSchema = z.strictObject({
  /** `<log>.<class initial><seq>`: says where it stands, and is unique because `log` is random. */
  id: z.string().min(1).max(80),
  /** The sender's own name, as it calls itself; aliases are applied when folding. */
  node: z.string().min(1).max(63),
  log: z.string().regex(/^[0-9a-z]{4,64}$/),
  epoch: z.int().min(0),
  class: eventClassSchema,
  /** Without gaps in (node, log, class), from 1. */
  seq: z.int().min(1),
  type: z.string().regex(/^[a-z][a-z0-9_]{0,63}$/),
  /** The sender's clock: RFC 3339. For people; never used to order. */
  at: z.iso.datetime(),
  source: z.string().max(63).optional(),
  service: z.string().max(63).optional(),
  severity: severitySchema,
  data: z.record(z.string(), z.unknown()),
});
export type LabEvent = z.infer<typeof eventSchema>;

/** As it stands in the journal: its place in the hub's one order, and the time of receipt. */
export interface JournalEvent extends LabEvent {
  readonly ord: number;
  readonly receivedAt: string;
}

/** What a sender says; the log adds the rest. */
export interface Fact {
  readonly type: string;
  readonly source?: string;
  readonly service?: string;
  /** Only for a type that may travel in any class. */
  readonly class?: EventClass;
  readonly data: Readonly<Record<string, unknown>>;
}

export function eventId(log: string, cls: EventClass, seq: number): string {
  return `${log}.${cls[0]}${seq}`;
}
