import type { NodeView } from '@lab/sdk/views/views';
import type { Args } from '../args.ts';
import { type Context, print } from '../context.ts';
import { nodesTable } from '../faces/status-face.ts';

export async function run(context: Context, args: Args): Promise<number> {
  const nodes = await context.hub.get<NodeView[]>('/v1/nodes', { target: args.positionals[0] });
  const none =
    args.positionals[0] === undefined ? 'no nodes: write them in inventory/topology.yaml' : 'no node matches';
  await print(context, nodes, () =>
    nodes.length === 0 ? `${none}\n` : nodesTable(nodes, { ...context.drawing, nowMs: context.nowMs }),
  );
  return 0;
}
