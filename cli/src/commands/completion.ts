/** `lab completion bash|zsh|fish`, and the names that those scripts ask for. */
import { LabError } from '@lab/sdk/errors';
import type { StatusView } from '@lab/sdk/views/views';
import type { Args } from '../args.ts';
import { COMMANDS, GLOBALS } from '../commands.ts';
import { completionScript, type Shell } from '../completion.ts';
import type { Context } from '../context.ts';

export async function run(context: Context, args: Args): Promise<number> {
  const kind = args.value('names');
  if (kind !== undefined) {
    const names = namesOf(kind, await context.hub.get<StatusView>('/v1/status'));
    context.io.out(names.map((name) => `${name}\n`).join(''));
    return 0;
  }
  const shell = args.positionals[0];
  if (shell === undefined)
    throw new LabError('usage', 'lab completion needs a shell', { hint: 'lab completion bash, zsh or fish' });
  context.io.out(completionScript(shell as Shell, COMMANDS, GLOBALS));
  return 0;
}

function namesOf(kind: string, { nodes, services, pending }: StatusView): string[] {
  const keys = services.map((service) => `${service.node}/${service.name}`);
  if (kind === 'action') return pending.map((action) => action.id);
  return kind === 'service'
    ? keys
    : [...nodes.map((node) => node.name), ...keys, ...pending.map((action) => action.id)];
}
