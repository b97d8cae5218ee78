/** Events as a list: when, where, what, and what it said. */
import type { EventView } from '@lab/sdk/views/views';
import type { Tone } from '../terminal/style.ts';
import { table } from '../terminal/table.ts';
import { timeOfDay, zone } from '../terminal/when.ts';
import { truncate } from '../terminal/width.ts';
import { type Face, short } from './words.ts';

const TONES: Record<string, Tone> = { warning: 'wait', error: 'bad' };

export function eventsFace(events: readonly EventView[], face: Face): string {
  return events.length === 0 ? 'no events\n' : eventsTable(events, face);
}

export function eventsTable(events: readonly EventView[], face: Face): string {
  return table(
    [
      { head: `TIME${zone(face.nowMs)}` },
      { head: 'WHERE', shrinksTo: 14 },
      { head: 'EVENT' },
      { head: 'SAYS', shrinksTo: 16 },
    ],
    events.map((event) => {
      const tone = TONES[event.severity];
      return [
        timeOfDay(event.receivedAt, face.nowMs),
        where(event),
        { text: event.type, ...(tone === undefined ? {} : { tone }) },
        saysText(event),
      ];
    }),
    face,
  );
}

/** One event on one line, while following. */
export function eventLine(event: EventView, { style, columns, nowMs }: Face): string {
  const head = `${timeOfDay(event.receivedAt, nowMs)}  ${where(event)}  `;
  const tail = saysText(event);
  const room = columns === undefined ? undefined : columns - head.length - event.type.length - 2;
  return `${head}${style(TONES[event.severity], event.type)}  ${room === undefined ? tail : truncate(tail, Math.max(0, room))}`.trimEnd();
}

/** What the hub says of a node is about that node. */
function where({ node, service, data }: EventView): string {
  const about = typeof data.node === 'string' ? data.node : node;
  return service === undefined ? about : `${about}/${service}`;
}

/** Members that only join events to each other; JSON has them. */
const JOINTS = new Set(['node', 'ulid', 'run', 'pre', 'instance', 'healthSeq', 'service', 'evidence']);
const BARE = new Set(['id', 'detail', 'reason', 'text', 'line']);

/** What of its data says something to people. */
export function saysText({ data }: EventView): string {
  return Object.entries(data)
    .filter(([name, value]) => value !== null && typeof value !== 'object' && !JOINTS.has(name))
    .map(([name, value]) => [name, String(value).replace(/^[0-9a-f]{40,64}$/, short)] as const)
    .map(([name, value]) => (BARE.has(name) ? value : `${name} ${value}`))
    .join(', ')
    .replaceAll('\n', ' ');
}
