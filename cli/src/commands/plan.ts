import type { NodeView, PlanView } from '@lab/sdk/views/views';
import type { Args } from '../args.ts';
import { type Context, print } from '../context.ts';
import { planFace } from '../faces/plan-face.ts';

export async function run(context: Context, args: Args): Promise<number> {
  const { plan, nodes } = await readPlan(context, args.positionals[0]);
  await print(context, plan, () => {
    rememberPlan(context, plan);
    return planFace(plan, nodes, { ...context.drawing, nowMs: context.io.clock.now() });
  });
  return plan.problems.some((problem) => problem.severity === 'error') ? 1 : 0;
}

export async function readPlan(
  context: Context,
  target: string | undefined,
): Promise<{ plan: PlanView; nodes: NodeView[] }> {
  const plan = await context.hub.post<PlanView>('/v1/plan', target === undefined ? {} : { target });
  return { plan, nodes: await context.hub.get<NodeView[]>('/v1/nodes') };
}

export function rememberPlan(context: Context, plan: PlanView): void {
  context.seen.show(
    plan.items.map((item) => item.action),
    context.nowMs,
  );
}
