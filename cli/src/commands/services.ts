import type { ServiceView } from '@lab/sdk/views/views';
import type { Args } from '../args.ts';
import { type Context, print } from '../context.ts';
import { servicesFace } from '../faces/services-face.ts';

export async function run(context: Context, args: Args): Promise<number> {
  const services = await context.hub.get<ServiceView[]>('/v1/services', { target: args.positionals[0] });
  const none = services.length === 0 && args.positionals[0] !== undefined;
  await print(context, services, () =>
    none ? 'no service matches\n' : servicesFace(services, { ...context.drawing, nowMs: context.nowMs }),
  );
  return 0;
}
