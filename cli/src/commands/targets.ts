import type { TargetView } from '@lab/sdk/views/views';
import type { Args } from '../args.ts';
import { type Context, print } from '../context.ts';
import { count } from '../faces/words.ts';
import { table } from '../terminal/table.ts';

export async function run(context: Context, args: Args): Promise<number> {
  const query = args.positionals.join(' ');
  const target = await context.hub.get<TargetView>('/v1/targets', { query });
  await print(context, target, () => draw(target, context));
  return 0;
}

function draw({ nodes, services, affectedBy }: TargetView, { drawing }: Context): string {
  const head = `${count(nodes.length, 'node')}, ${count(services.length, 'service')}\n`;
  const rows = [...nodes.map((name) => ['node', name]), ...services.map((name) => ['service', name])];
  const what =
    rows.length === 0 ? '' : `\n${table([{ head: 'KIND' }, { head: 'NAME', shrinksTo: 20 }], rows, drawing)}`;
  if (affectedBy.length === 0) return head + what;
  const through = affectedBy.map((one) => [one.what, one.at]);
  return `${head}${what}\n${table([{ head: 'APPLIED', shrinksTo: 20 }, { head: 'AT' }], through, drawing)}`;
}
