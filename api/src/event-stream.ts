/**
 * Events as they come, as server-sent events. The id of each is its ordinal, so that a client that was cut off resumes with
 * `Last-Event-ID` and misses none. A comment every 15 s keeps what is between awake and finds clients that are gone.
 */
import { asLabError, type EventView } from '@lab/sdk';
import { problemOf } from './problem.ts';
import type { Call } from './route.ts';
import { streamed } from './streamed.ts';

export const HEARTBEAT_MS = 15_000;

export interface StreamFilter {
  readonly node?: string;
  readonly service?: string;
  readonly type?: string;
  readonly class?: string;
}

/** From after ordinal `after`; undefined means from now on. */
export function eventStream(call: Call, after: number | undefined, filter: StreamFilter): Response {
  const { plane, clock } = call;
  const head = plane.head();
  // An ordinal of a journal that was replaced may lie beyond the head; waiting for it would hide what comes before.
  const from = Math.min(after ?? head, head);
  return streamed('text/event-stream', call.signal, async (writer, signal) => {
    await writer.write('retry: 1000\n\n');
    const beat = clock.every(HEARTBEAT_MS, () => writer.offer(': still here\n\n'));
    try {
      await plane.follow(from, (event) => (matches(event, filter) ? writer.write(message(event)) : undefined), signal);
    } catch (cause) {
      if (!signal.aborted)
        await writer.write(`event: problem\ndata: ${JSON.stringify(problemOf(asLabError(cause)))}\n\n`);
    } finally {
      beat.cancel();
    }
  });
}

export function matches(event: EventView, filter: StreamFilter): boolean {
  return (
    (filter.node === undefined || event.node === filter.node) &&
    (filter.service === undefined || event.service === filter.service) &&
    (filter.type === undefined || event.type === filter.type) &&
    (filter.class === undefined || event.class === filter.class)
  );
}

/** JSON has no raw line breaks, so one data line is enough. */
function message(event: EventView): string {
  return `id: ${event.ord}\nevent: event\ndata: ${JSON.stringify(event)}\n\n`;
}
