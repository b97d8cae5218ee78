import { LabError } from '@lab/sdk/errors';
import type { ActionView } from '@lab/sdk/views/views';
import type { Args } from '../args.ts';
import { type Context, print } from '../context.ts';
import { actionsFace } from '../faces/actions-face.ts';

/** Named here and not taken from the model, whose schemas would be loaded with it. A test holds it equal. */
export const STATES = ['pending', 'approved', 'running', 'completed', 'failed', 'rejected', 'cancelled'];
const LIVE = 'pending,approved,running';

export async function run(context: Context, args: Args): Promise<number> {
  const asked = args.value('state');
  for (const state of asked?.split(',') ?? []) {
    if (!STATES.includes(state))
      throw new LabError('usage', `there is no state ${JSON.stringify(state)}`, {
        hint: `one of ${STATES.join(', ')}`,
      });
  }
  // Scripts get all of them unless they ask; people what is not over.
  const everything = args.flag('all') || context.output !== 'table';
  const state = asked ?? (everything ? undefined : LIVE);
  const actions = await context.hub.get<ActionView[]>('/v1/actions', { state });
  await print(context, actions, () => {
    context.seen.show(actions, context.nowMs);
    return actionsFace(actions, args.flag('why'), { ...context.drawing, nowMs: context.nowMs });
  });
  return 0;
}
