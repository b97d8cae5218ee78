/** The plugins of the hub role: hosted beside the loop, with what the hub offers them. Which there are is said by who starts the hub. */
import { join } from 'node:path';
import { Scope } from '@lab/kernel/container';
import type { Disk } from '@lab/kernel/disk/disk';
import type { Journal } from '@lab/kernel/observer/journal';
import { checkPlugins } from '@lab/kernel/plugins/check';
import type { Mark } from '@lab/kernel/plugins/door';
import { PluginHost } from '@lab/kernel/plugins/host';
import {
  CLOCK,
  type Clock,
  EMIT,
  type Emit,
  type Fleet,
  LabError,
  LOG,
  type Log,
  PLACE,
  type Plugin,
  STORE,
} from '@lab/sdk';

export interface HubPluginArgs {
  readonly plugins: readonly Plugin[];
  readonly fleet: Fleet;
  readonly root: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Log;
  readonly journal: Journal;
  readonly disabled: ReadonlyMap<string, string>;
  readonly mark?: Mark;
}

/** Throws one `invalid` with everything that is wrong with the plugins' configuration, for either role, before anything runs. */
export function mustBeConfigured(plugins: readonly Plugin[], fleet: Fleet): void {
  const problems = (['hub', 'edge'] as const).flatMap((role) => checkPlugins(plugins, role, fleet.plugins).problems);
  const lines = [...new Set(problems.map(({ path, message }) => `plugins: ${path.join(': ')}: ${message}`))];
  if (lines.length === 0) return;
  throw new LabError('invalid', lines.join('\n'), {
    at: 'lab.yaml',
    hint: 'correct plugins in lab.yaml, see docs/plugins.md',
  });
}

export function hubPlugins({
  plugins,
  fleet,
  root,
  disk,
  clock,
  log,
  journal,
  disabled,
  mark,
}: HubPluginArgs): PluginHost {
  const emit: Emit = async (fact) => {
    const [event] = await journal.own([fact]);
    if (event === undefined) throw new LabError('internal', 'the journal gave no event for a fact', { at: fact.type });
    return { id: event.id, seq: event.seq };
  };
  const scope = Scope.root('hub');
  scope.value(CLOCK, clock);
  scope.value(LOG, log);
  scope.value(EMIT, emit);
  scope.value(STORE, disk);
  return new PluginHost({
    plugins,
    role: 'hub',
    configs: fleet.plugins,
    parent: scope,
    clock,
    log,
    wire: (id, own) =>
      own.value(PLACE, {
        node: fleet.hub,
        root,
        stateDir: join(root, 'state/plugins', id),
        logsDir: join(root, 'logs'),
        bootId: '',
      }),
    disabled,
    ...(mark === undefined ? {} : { mark }),
    onStateChange: ({ id, state, reason, restarts }) => {
      if (state === 'running' && restarts === 0) return;
      if (state !== 'running' && state !== 'degraded' && state !== 'disabled') return;
      const why = reason === undefined ? {} : { reason };
      void journal.own([{ type: 'plugin_changed', data: { plugin: id, state, ...why } }]).catch(() => {});
    },
  });
}
