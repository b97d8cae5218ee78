/**
 * Judging one line that a sender sent: it is an event of that sender at that place, or there is a reason why not.
 *
 * The envelope is checked by hand, because this is the path of every event; a property test holds it equal to `eventSchema`. The data
 * of a known type is checked by its schema; a type that this version does not know passes.
 */
import { type EventClass, eventId, eventSchema, type LabEvent, severitySchema } from '@lab/sdk';
import type { EventRegistry } from './registry.ts';
import { MAX_LINE_BYTES } from './segment-lines.ts';

export interface Expected {
  readonly node: string;
  readonly log: string;
  readonly class: EventClass;
  readonly seq: number;
}

/** What only the journal itself says. */
export const QUARANTINED = 'events_quarantined';
export const DROPPED = 'events_dropped';

/** The journal puts its own members in front. */
const FRONT_BYTES = 128;
const LOG = /^[0-9a-z]{4,64}$/;
const TYPE = /^[a-z][a-z0-9_]{0,63}$/;
const CLASSES: ReadonlySet<unknown> = new Set<EventClass>(['control', 'health', 'bulk']);
const SEVERITIES: ReadonlySet<unknown> = new Set<unknown>(severitySchema.options);
const AT = eventSchema.shape.at;
const REQUIRED_MEMBERS = 10;

/** The event, or the reason why the line is none that may stand there. */
export function judge(registry: EventRegistry, line: string, expected: Expected): LabEvent | string {
  if (tooLong(line)) return 'it is too long';
  if (line[0] !== '{' || line.includes('\n') || !line.isWellFormed()) return 'it is no line of JSON';
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return 'it is no line of JSON';
  }
  if (!isEvent(value)) return whyNoEvent(value);
  if (value.node !== expected.node) return 'it names another node than its sender';
  if (value.log !== expected.log) return 'it is of another log';
  if (value.class !== expected.class) return 'it is of another class';
  if (value.seq !== expected.seq) return `its seq is ${value.seq}, where ${expected.seq} is due`;
  if (value.id !== eventId(value.log, value.class, value.seq)) return 'its id does not say where it stands';
  return whyNotOfItsType(registry, value) ?? value;
}

/** Whether `eventSchema` accepts a parsed JSON value. */
export function isEvent(value: unknown): value is LabEvent {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false;
  const event = value as Record<string, unknown>;
  let members = REQUIRED_MEMBERS;
  if (event.source !== undefined && isText(event.source, 0, 63)) members++;
  if (event.service !== undefined && isText(event.service, 0, 63)) members++;
  return (
    isText(event.id, 1, 80) &&
    isText(event.node, 1, 63) &&
    typeof event.log === 'string' &&
    LOG.test(event.log) &&
    isCount(event.epoch, 0) &&
    CLASSES.has(event.class) &&
    isCount(event.seq, 1) &&
    typeof event.type === 'string' &&
    TYPE.test(event.type) &&
    isInstant(event.at) &&
    SEVERITIES.has(event.severity) &&
    event.data !== null &&
    typeof event.data === 'object' &&
    !Array.isArray(event.data) &&
    Object.keys(event).length === members
  );
}

/** A range that its sender says will never come. */
export function droppedRange(event: LabEvent): { class: EventClass; from: number; to: number } | undefined {
  const { class: cls, from, to } = event.data;
  if (event.type !== DROPPED || (cls !== 'health' && cls !== 'bulk')) return undefined;
  return isCount(from, 1) && isCount(to, from) ? { class: cls, from, to } : undefined;
}

function whyNotOfItsType(registry: EventRegistry, event: LabEvent): string | undefined {
  const type = registry.get(event.type);
  if (type?.origin === 'hub' || event.type === QUARANTINED) return `only the hub says ${event.type}`;
  if (event.type === DROPPED && (event.class !== 'control' || droppedRange(event) === undefined)) {
    return 'only a range of health or bulk can be dropped, and control says so';
  }
  if (type === undefined) return undefined;
  if (type.class !== 'shared' && type.class !== event.class) return `${event.type} travels in ${type.class}`;
  const checked = type.data.safeParse(event.data);
  if (checked.success) return undefined;
  const issue = checked.error.issues[0];
  return `${event.type} ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'its data is not valid'}`;
}

function whyNoEvent(value: unknown): string {
  const issue = eventSchema.safeParse(value).error?.issues[0];
  return `it is no event: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim();
}

let lastInstant = '';

/** Events of one batch often have the same. */
function isInstant(at: unknown): boolean {
  if (typeof at !== 'string') return false;
  if (at === lastInstant) return true;
  if (!AT.safeParse(at).success) return false;
  lastInstant = at;
  return true;
}

function isText(value: unknown, least: number, most: number): boolean {
  return typeof value === 'string' && value.length >= least && value.length <= most;
}

function isCount(value: unknown, least: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least;
}

function tooLong(line: string): boolean {
  const most = MAX_LINE_BYTES - FRONT_BYTES;
  return line.length > most || (line.length * 3 > most && Buffer.byteLength(line) > most);
}
