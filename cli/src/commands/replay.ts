/** `lab replay --until T`: the world and the actions as they were. */
import { LabError } from '@lab/sdk/errors';
import type { ReplayView } from '@lab/sdk/views/views';
import type { Args } from '../args.ts';
import { type Context, print } from '../context.ts';
import { servicesTable } from '../faces/services-face.ts';
import { actionState, type Face, shaped, short } from '../faces/words.ts';
import { table } from '../terminal/table.ts';
import { age, parseInstant, timeOfDay, zone } from '../terminal/when.ts';

export async function run(context: Context, args: Args): Promise<number> {
  const asked = args.value('until');
  if (asked === undefined)
    throw new LabError('usage', 'lab replay needs --until', { hint: 'lab replay --until 10m, or an instant' });
  const until = parseInstant(asked, context.nowMs, '--until');
  if (Date.parse(until) > context.nowMs)
    throw new LabError('usage', `--until ${JSON.stringify(asked)} is still to come`, {
      hint: 'how it is now: lab status',
    });
  const world = await context.hub.get<ReplayView>('/v1/replay', { until });
  // Ages are counted from then, not from now.
  await print(context, world, () => draw(world, { ...context.drawing, nowMs: Date.parse(world.until) }, context.nowMs));
  return 0;
}

function draw(world: ReplayView, face: Face, nowMs: number): string {
  const silent = world.nodes.filter((node) => node.silent).map((node) => node.name);
  const head = `the world at ${timeOfDay(world.until, nowMs)}${zone(nowMs)}, event ${world.ord}, ${short(world.worldHash)}${silent.length === 0 ? '' : `; silent: ${silent.join(', ')}`}`;
  const parts = [world.ord === 0 ? `${head}: nothing was recorded yet\n` : `${head}\n`];
  if (world.ord === 0) return parts.join('');
  if (world.services.length > 0) parts.push(servicesTable(world.services, face));
  if (world.actions.length > 0) {
    const rows = world.actions.map(({ id, state, createdAt }) => [
      id,
      shaped(actionState(state), state),
      age(createdAt, face.nowMs),
    ]);
    parts.push(table([{ head: 'ACTION' }, { head: 'STATE' }, { head: 'AGE' }], rows, face));
  }
  return parts.join('\n');
}
