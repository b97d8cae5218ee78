/**
 * `lab apply`: approves what `lab plan` has shown, each as it was seen, and follows it. What was not shown is not approved:
 * on a terminal it is shown and asked for, elsewhere it takes --yes.
 */
import { delay } from '@lab/sdk/clock';
import { LabError } from '@lab/sdk/errors';
import type { AppliedView } from '@lab/sdk/views/answers';
import type { ActionView, PlanView } from '@lab/sdk/views/views';
import type { Args } from '../args.ts';
import { type Context, print } from '../context.ts';
import { planFace } from '../faces/plan-face.ts';
import { count } from '../faces/words.ts';
import { exitOf, type Followed, follow } from '../follow.ts';
import { readPlan, rememberPlan } from './plan.ts';

const HOLD_S = 5;

interface Item {
  readonly id: string;
  readonly ulid: string;
  readonly hash: string;
}

export async function run(context: Context, args: Args): Promise<number> {
  const { plan, nodes } = await readPlan(context, args.positionals[0]);
  const pending = plan.items.map((item) => item.action).filter((action) => action.state === 'pending');
  const underWay = plan.items
    .map((item) => item.action)
    .filter((action) => action.state === 'approved' || action.state === 'running');
  if (pending.length === 0 && underWay.length === 0) return await nothingToDo(context, plan);
  const draw = (): string => planFace(plan, nodes, { ...context.drawing, nowMs: context.nowMs });
  const chosen = await choose(context, args, plan, pending, draw);
  if (chosen === undefined) return said(context, 'nothing was approved', 1);
  if (chosen.items.length > 1 && !args.flag('no-hold') && !(await held(context, chosen.items.length))) {
    return said(context, 'undone: nothing was approved', 1);
  }
  const note = args.value('note');
  const applied: AppliedView =
    chosen.items.length === 0
      ? { approved: [], refused: [] }
      : await context.hub.post('/v1/apply', { items: chosen.items, ...(note === undefined ? {} : { note }) });
  for (const { id, reason } of applied.refused)
    context.io.err(`${context.errStyle('bad', '■')} ${id} was refused: ${reason}\n`);
  if (chosen.left > 0)
    context.io.err(`${count(chosen.left, 'action')} not shown to you yet, left as they are: lab plan\n`);
  const watched = [...applied.approved, ...underWay];
  if (args.flag('no-wait')) {
    await print(context, applied, () => `approved ${count(applied.approved.length, 'action')}\n`);
    return applied.refused.length > 0 ? 5 : chosen.left > 0 ? 6 : 0;
  }
  const followed = watched.length === 0 ? [] : await follow(context, watched, { output: watched.length === 1 });
  await print(
    context,
    { approved: followed.map(({ action }) => action), refused: applied.refused },
    () => `${closing(followed)}\n`,
  );
  return exitCode(followed, applied.refused.length, chosen.left);
}

async function nothingToDo(context: Context, plan: PlanView): Promise<number> {
  const waits = plan.waiting.length;
  await print(context, { approved: [], refused: [] }, () =>
    waits === 0
      ? 'nothing to do: what runs is what Git says\n'
      : `nothing to approve; ${count(waits, 'thing')} ${waits === 1 ? 'waits' : 'wait'}: lab plan\n`,
  );
  return 0;
}

/** Undefined: a person was asked and said no. */
async function choose(
  context: Context,
  args: Args,
  plan: PlanView,
  pending: readonly ActionView[],
  draw: () => string,
): Promise<{ items: Item[]; left: number } | undefined> {
  const asTheyAre = (): Item[] => pending.map(({ id, ulid, planHash }) => ({ id, ulid, hash: planHash }));
  if (args.flag('yes')) return { items: asTheyAre(), left: 0 };
  const items = pending.flatMap(({ id }) => {
    const seen = context.seen.get(id);
    return seen === undefined ? [] : [{ id, ulid: seen.ulid, hash: seen.planHash }];
  });
  const left = pending.length - items.length;
  if (left === 0) return { items, left };
  const { io } = context;
  if (!io.inTerminal || !io.errTerminal) {
    if (items.length > 0) return { items, left };
    throw new LabError('usage', 'nothing of this was shown to you yet', {
      hint: 'see it first: lab plan\nor approve whatever it is: lab apply --yes',
    });
  }
  io.err(draw());
  rememberPlan(context, plan);
  const answer = await io.ask(`Approve ${pending.length === 1 ? 'this' : `these ${pending.length}`}? [y/N] `);
  return /^y(es)?$/i.test(answer?.trim() ?? '') ? { items: asTheyAre(), left: 0 } : undefined;
}

/** A few seconds in which Ctrl-C undoes a bulk approval. Nobody looks: nothing to hold for. */
async function held({ io }: Context, items: number): Promise<boolean> {
  if (!io.errTerminal) return true;
  return await io.interruptible(async (signal) => {
    for (let left = HOLD_S; left > 0; left--) {
      io.err(`\rapproving ${items} actions in ${left} s, Ctrl-C undoes \u001b[K`);
      const undone = await delay(io.clock, 1_000, signal).then(
        () => false,
        () => true,
      );
      if (undone) {
        io.err('\n');
        return false;
      }
    }
    io.err('\r\u001b[K');
    return true;
  });
}

function closing(followed: readonly Followed[]): string {
  const number = (end: Followed['end']): number => followed.filter((one) => one.end === end).length;
  const parts: string[] = [];
  if (number('done') > 0) parts.push(`${number('done')} completed`);
  if (number('failed') > 0) parts.push(`${number('failed')} failed`);
  if (number('waits') > 0) parts.push(`${number('waits')} ${number('waits') === 1 ? 'waits' : 'wait'}`);
  if (number('queued') > 0) parts.push(`${number('queued')} queued`);
  return parts.length === 0 ? 'nothing was approved' : parts.join(', ');
}

function exitCode(followed: readonly Followed[], refused: number, left: number): number {
  const code = exitOf(followed);
  if (code === 1) return 1;
  if (refused > 0) return 5;
  return code === 0 && left > 0 ? 6 : code;
}

function said({ io }: Context, text: string, code: number): number {
  io.err(`${text}\n`);
  return code;
}
