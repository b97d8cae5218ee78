/** `lab logs`: the lines of a service as they are, on stdout. */
import type { Args } from '../args.ts';
import type { Context } from '../context.ts';
import { serviceOf } from './person.ts';

export async function run({ hub, io }: Context, args: Args): Promise<number> {
  const { node, service } = serviceOf(args.need(0));
  const query = { tail: args.count('tail', 100), ...(args.flag('follow') ? { follow: true } : {}) };
  return await io.interruptible(async (signal) => {
    try {
      const lines = await hub.stream(`/v1/logs/${node}/${service}`, query, {}, signal);
      lines.setEncoding('utf8');
      for await (const text of lines) io.out(String(text));
    } catch (cause) {
      if (!signal.aborted) throw cause;
    }
    return 0;
  });
}
