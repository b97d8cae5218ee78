/** `lab reject` and `lab cancel`: one action, with a reason. */
import type { ActionView } from '@lab/sdk/views/views';
import type { Args } from '../args.ts';
import { type Command, type Context, print } from '../context.ts';
import { clockTime, parseDuration } from '../terminal/when.ts';

export const reject: Command = {
  async run(context, args) {
    const forText = args.value('for');
    return await decide(
      context,
      args,
      'reject',
      forText === undefined ? {} : { forMs: parseDuration(forText, '--for') },
    );
  },
};

export const cancel: Command = { run: (context, args) => decide(context, args, 'cancel', {}) };

async function decide(context: Context, args: Args, verb: 'reject' | 'cancel', more: object): Promise<number> {
  const reason = args.value('reason') ?? 'no reason given';
  const action = await context.hub.post<ActionView>(`/v1/actions/${encodeURIComponent(args.need(0))}/${verb}`, {
    reason,
    ...more,
  });
  await print(context, action, () => `${decidedText(action, verb, context.nowMs)}\n`);
  return 0;
}

function decidedText(action: ActionView, verb: 'reject' | 'cancel', nowMs: number): string {
  const until = action.outcome?.until;
  if (verb === 'reject')
    return until === undefined ? 'rejected' : `rejected; not proposed again before ${clockTime(until, nowMs)}`;
  return action.state === 'cancelled' || action.state === 'failed'
    ? 'cancelled'
    : 'being cancelled: it ends when its node confirms it';
}
