import type { Pillar, PluginView } from '@lab/sdk/views/views';
import { type Context, print } from '../context.ts';
import { type Face, shaped } from '../faces/words.ts';
import { table } from '../terminal/table.ts';
import { age, duration } from '../terminal/when.ts';

const STATES: Record<PluginView['state'], Pillar['state']> = {
  starting: 'wait',
  running: 'ok',
  degraded: 'bad',
  disabled: 'bad',
  stopped: 'stale',
};

export async function run(context: Context): Promise<number> {
  const plugins = await context.hub.get<PluginView[]>('/v1/plugins');
  const face = { ...context.drawing, nowMs: context.nowMs };
  await print(context, plugins, () => (plugins.length === 0 ? 'no plugins\n' : pluginsTable(plugins, face)));
  return 0;
}

function pluginsTable(plugins: readonly PluginView[], face: Face): string {
  return table(
    [
      { head: 'PLUGIN' },
      { head: 'NODE' },
      { head: 'STATE' },
      { head: 'SINCE' },
      { head: 'RESTARTS' },
      { head: 'TOUCHES', shrinksTo: 12 },
      { head: 'REASON', shrinksTo: 16 },
    ],
    plugins.map((plugin) => [
      plugin.id,
      plugin.node,
      shaped(STATES[plugin.state], plugin.state),
      age(plugin.since, face.nowMs),
      String(plugin.restarts),
      plugin.capabilities.join(', ') || '–',
      reasonText(plugin, face.nowMs),
    ]),
    face,
  );
}

function reasonText({ reason = '', nextTry }: PluginView, nowMs: number): string {
  return nextTry === undefined ? reason : `${reason}; next try in ${duration(Date.parse(nextTry) - nowMs)}`;
}
