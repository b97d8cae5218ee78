/**
 * Follows the hub's events (server-sent events): each once, in order. A connection that breaks is made again and goes on after
 * the last one that came. Ends with the signal, or with the first refusal.
 */
import { type Clock, delay } from '@lab/sdk/clock';
import { asLabError, LabError } from '@lab/sdk/errors';
import type { EventView, ProblemDocument } from '@lab/sdk/views/views';
import type { Hub, Query } from './client.ts';

const RETRY_MS = 1_000;

export interface Following {
  readonly hub: Hub;
  readonly clock: Clock;
  readonly filter: Query;
  /** After this ordinal; undefined: from now on. */
  readonly after: number | undefined;
  readonly signal: AbortSignal;
  each(event: EventView): void;
  /** The connection broke and is made again. */
  interrupted(error: LabError): void;
}

export async function followEvents({ hub, clock, filter, after, signal, each, interrupted }: Following): Promise<void> {
  let last = after;
  while (!signal.aborted) {
    try {
      const headers: Record<string, string> = last === undefined ? {} : { 'last-event-id': String(last) };
      const stream = await hub.stream('/v1/events/stream', filter, headers, signal);
      stream.setEncoding('utf8');
      for await (const message of messages(stream)) {
        if (message.event === 'problem') throw problem(message.data);
        if (message.event !== 'event') continue;
        const event = hub.parsed<EventView>(message.data);
        last = event.ord;
        each(event);
      }
      throw new LabError('hub_unreachable', 'the hub closed the stream');
    } catch (cause) {
      if (signal.aborted) return;
      const error = asLabError(cause, 'hub_unreachable');
      if (error.code !== 'hub_unreachable') throw error;
      interrupted(error);
      await delay(clock, RETRY_MS, signal).catch(() => undefined);
    }
  }
}

interface Message {
  readonly event: string;
  readonly data: string;
}

/** The messages of a stream; comments and what else there is are passed over. */
export async function* messages(chunks: AsyncIterable<unknown>): AsyncGenerator<Message> {
  let rest = '';
  for await (const chunk of chunks) {
    const blocks = (rest + String(chunk)).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = new Map<string, string>();
      for (const line of block.split('\n')) {
        const at = line.indexOf(': ');
        if (at > 0) fields.set(line.slice(0, at), line.slice(at + 2));
      }
      const data = fields.get('data');
      if (data !== undefined) yield { event: fields.get('event') ?? 'message', data };
    }
  }
}

function problem(text: string): LabError {
  const { detail = 'the stream failed' } = JSON.parse(text) as Partial<ProblemDocument>;
  return new LabError('internal', detail);
}
