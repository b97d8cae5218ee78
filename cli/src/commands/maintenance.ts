/** `lab maintenance on|off|list`: proposals of a target are kept waiting. */
import { LabError } from '@lab/sdk/errors';
import type { MaintenanceSet, MaintenanceView } from '@lab/sdk/views/answers';
import type { Args } from '../args.ts';
import { type Context, print } from '../context.ts';
import { count } from '../faces/words.ts';
import { table } from '../terminal/table.ts';
import { clockTime, parseDuration } from '../terminal/when.ts';

export async function run(context: Context, args: Args): Promise<number> {
  const verb = args.positionals[0] ?? 'list';
  if (verb === 'list') return await list(context);
  const what = args.positionals[1];
  if (what === undefined) {
    throw new LabError(
      'usage',
      `lab maintenance ${verb} needs ${verb === 'on' ? 'a target query' : 'the id of a maintenance'}`,
      {
        hint:
          verb === 'on'
            ? "lab maintenance on 'site=home' --for 2h --reason 'new switch'"
            : 'lab maintenance list shows the ids',
      },
    );
  }
  const set = await (verb === 'on'
    ? on(context, args, what)
    : context.hub.delete<MaintenanceSet>(`/v1/maintenance/${encodeURIComponent(what)}`));
  await print(context, set, () =>
    set.until === null
      ? `maintenance ${set.id} is over for ${count(set.nodes.length, 'node')}\n`
      : `maintenance ${set.id} until ${clockTime(set.until, context.nowMs)}: ${set.nodes.join(', ') || 'no node matches yet'}\n`,
  );
  return 0;
}

function on(context: Context, args: Args, query: string): Promise<MaintenanceSet> {
  const reason = args.value('reason');
  if (reason === undefined)
    throw new LabError('usage', 'a maintenance needs a reason', { hint: "--reason 'new switch'" });
  return context.hub.post('/v1/maintenance', {
    query,
    forMs: parseDuration(args.value('for') ?? '1h', '--for'),
    reason,
  });
}

async function list(context: Context): Promise<number> {
  const all = await context.hub.get<MaintenanceView[]>('/v1/maintenance');
  await print(context, all, () =>
    all.length === 0
      ? 'no maintenance is on\n'
      : table(
          [
            { head: 'ID' },
            { head: 'TARGET', shrinksTo: 12 },
            { head: 'UNTIL' },
            { head: 'BY' },
            { head: 'REASON', shrinksTo: 12 },
          ],
          all.map(({ id, query, until, by, reason }) => [id, query, clockTime(until, context.nowMs), by, reason]),
          context.drawing,
        ),
  );
  return 0;
}
