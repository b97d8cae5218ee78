import type { StatusView } from '@lab/sdk/views/views';
import { type Context, print } from '../context.ts';
import { statusFace } from '../faces/status-face.ts';

export async function run(context: Context): Promise<number> {
  const status = await context.hub.get<StatusView>('/v1/status');
  await print(context, status, () => {
    context.seen.show(status.pending, context.nowMs);
    return statusFace(status, { ...context.drawing, nowMs: context.nowMs });
  });
  return 0;
}
