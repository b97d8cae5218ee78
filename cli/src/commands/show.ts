import type { ShowView } from '@lab/sdk/views/views';
import type { Args } from '../args.ts';
import { type Context, print } from '../context.ts';
import { showFace } from '../faces/show-face.ts';

export async function run(context: Context, args: Args): Promise<number> {
  const shown = await context.hub.get<ShowView>('/v1/show', { name: args.need(0) });
  await print(context, shown, () => {
    if (shown.action !== undefined) context.seen.show([shown.action], context.nowMs);
    return showFace(shown, { ...context.drawing, nowMs: context.nowMs });
  });
  return 0;
}
