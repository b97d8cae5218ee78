/** `lab stop`, `start`, `restart`: proposed and approved by whoever types it, and followed to the end. */
import { LabError } from '@lab/sdk/errors';
import type { ActionView } from '@lab/sdk/views/views';
import type { Args } from '../args.ts';
import { type Command, type Context, print } from '../context.ts';
import { exitOf, follow } from '../follow.ts';

export const stop: Command = { run: (context, args) => person(context, args, 'stop') };
export const start: Command = { run: (context, args) => person(context, args, 'start') };
export const restart: Command = { run: (context, args) => person(context, args, 'restart') };

const DONE = { stop: 'stopped, and held until lab start', start: 'started', restart: 'restarted' };

async function person(context: Context, args: Args, verb: keyof typeof DONE): Promise<number> {
  const name = args.need(0);
  const { node, service } = serviceOf(name);
  const action = await context.hub.post<ActionView>(`/v1/services/${node}/${service}/${verb}`, {
    reason: args.value('reason') ?? '',
  });
  if (args.flag('no-wait')) {
    await print(context, action, () => `${verb} of ${name} is under way\n`);
    return 0;
  }
  const followed = await follow(context, [action], { output: false });
  const done = followed.every(({ end }) => end === 'done');
  await print(context, followed[0]?.action ?? action, () => (done ? `${name} ${DONE[verb]}\n` : ''));
  return exitOf(followed);
}

export function serviceOf(name: string): { node: string; service: string } {
  const [, node, service] = /^([a-z0-9][a-z0-9-]{0,62})\/([a-z0-9][a-z0-9-]{0,62})$/.exec(name) ?? [];
  if (node === undefined || service === undefined) {
    throw new LabError('usage', `${JSON.stringify(name)} is no service`, {
      hint: 'write it as node/service; lab services lists them',
    });
  }
  return { node, service };
}
