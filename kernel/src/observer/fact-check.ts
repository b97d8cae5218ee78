/** From a fact that somebody says to the line that stands for it: checked against its type, and with its place in a stream. */
import {
  type EventClass,
  type EventType,
  eventId,
  type Fact,
  LabError,
  type LabEvent,
  messageOf,
  type Severity,
} from '@lab/sdk';
import type { EventRegistry } from './registry.ts';
import { MAX_LINE_BYTES } from './segment-lines.ts';

/** A fact as it was when it was said: its data is text already. */
export interface CheckedFact {
  readonly type: string;
  readonly class: EventClass;
  readonly severity: Severity;
  readonly source: string | undefined;
  readonly service: string | undefined;
  readonly data: string;
}

/** Who says it, and where it stands. */
export interface Place {
  readonly node: string;
  readonly log: string;
  readonly epoch: number;
  readonly seq: number;
  readonly at: string;
}

const NAME_LENGTH = 63;
/** What the members around the data take at most. */
const FRAME_BYTES = 2048;

/** Throws `invalid` (or `not_allowed`, `too_large`) where `who` cannot say this. */
export function checkFact(registry: EventRegistry, fact: Fact, who: 'node' | 'hub'): CheckedFact {
  const type = registry.get(fact.type);
  if (type === undefined) {
    throw new LabError('invalid', `no type of event is called ${fact.type}`, {
      at: fact.type,
      hint: 'register it with its schema first',
    });
  }
  if (type.origin !== 'any' && type.origin !== who) {
    throw new LabError('not_allowed', `only ${type.origin === 'hub' ? 'the hub' : 'a node'} says ${fact.type}`, {
      at: fact.type,
    });
  }
  for (const name of [fact.source, fact.service]) {
    if (name !== undefined && (typeof name !== 'string' || name.length > NAME_LENGTH)) {
      throw new LabError('invalid', `${fact.type}: source and service have at most ${NAME_LENGTH} characters`, {
        at: fact.type,
      });
    }
  }
  return {
    type: fact.type,
    class: type.class === 'shared' ? (fact.class ?? 'control') : type.class,
    severity: type.severity,
    source: fact.source,
    service: fact.service,
    data: checkedData(type, fact),
  };
}

export function placed(fact: CheckedFact, place: Place): { readonly line: string; readonly event: LabEvent } {
  // The members in the order in which every line has them; the id first, because it is read without parsing.
  const frame = {
    id: eventId(place.log, fact.class, place.seq),
    node: place.node,
    log: place.log,
    epoch: place.epoch,
    class: fact.class,
    seq: place.seq,
    type: fact.type,
    at: place.at,
    ...(fact.source === undefined ? {} : { source: fact.source }),
    ...(fact.service === undefined ? {} : { service: fact.service }),
    severity: fact.severity,
  };
  const line = `${JSON.stringify(frame).slice(0, -1)},"data":${fact.data}}`;
  // What is handed on is what stands on disk, whatever its sender does with its own object.
  return { line, event: { ...frame, data: JSON.parse(fact.data) as Record<string, unknown> } };
}

function checkedData(type: EventType, fact: Fact): string {
  const checked = type.data.safeParse(fact.data);
  const issue = checked.error?.issues[0];
  if (!checked.success) {
    throw new LabError('invalid', `${fact.type}: ${issue?.message ?? 'its data is not valid'}`, {
      at: `${fact.type} ${issue?.path.join('.') ?? ''}`.trim(),
      cause: checked.error,
    });
  }
  let text: string | undefined;
  try {
    text = JSON.stringify(fact.data);
  } catch (cause) {
    throw new LabError('invalid', `${fact.type}: ${messageOf(cause)}`, { at: fact.type, cause });
  }
  if (text === undefined || text[0] !== '{') {
    throw new LabError('invalid', `${fact.type}: the data of an event is an object`, { at: fact.type });
  }
  if (Buffer.byteLength(text) > MAX_LINE_BYTES - FRAME_BYTES) {
    throw new LabError('too_large', `${fact.type}: its data has ${text.length} characters`, { at: fact.type });
  }
  return text;
}
