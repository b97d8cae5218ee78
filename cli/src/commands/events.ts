/** `lab events`: the newest of the journal, and with -f what follows. */
import type { EventView } from '@lab/sdk/views/views';
import type { Args } from '../args.ts';
import { type Context, print } from '../context.ts';
import { eventLine, eventsFace } from '../faces/events-face.ts';
import { followEvents } from '../hub/event-source.ts';
import { parseInstant } from '../terminal/when.ts';

export async function run(context: Context, args: Args): Promise<number> {
  const following = args.flag('follow');
  const since = args.value('since');
  const filter = {
    node: args.value('node'),
    service: args.value('service'),
    type: args.value('type'),
    class: args.value('class'),
  };
  const events = await context.hub.get<EventView[]>('/v1/events', {
    ...filter,
    since: since === undefined ? undefined : parseInstant(since, context.nowMs, '--since'),
    limit: args.count('limit', since === undefined ? (following ? 10 : 50) : 10_000),
  });
  if (!following) {
    await print(context, events, () => eventsFace(events, { ...context.drawing, nowMs: context.nowMs }));
    return 0;
  }
  const say = (event: EventView): void => context.io.out(`${lineOf(context, event)}\n`);
  for (const event of events) say(event);
  await context.io.interruptible((signal) =>
    followEvents({
      hub: context.hub,
      clock: context.io.clock,
      filter,
      after: events.at(-1)?.ord,
      signal,
      each: say,
      interrupted: (error) => context.io.err(`${context.errStyle('wait', error.message)}; trying again\n`),
    }),
  );
  return 0;
}

/** While following, JSON is one event a line. */
function lineOf({ output, drawing, io }: Context, event: EventView): string {
  return output === 'table' ? eventLine(event, { ...drawing, nowMs: io.clock.now() }) : JSON.stringify(event);
}
