/**
 * Follows actions until each has ended, or waits for something that only time or a person brings. Says each step on stderr;
 * what the run of a single action prints goes to stdout where that is wanted. Changes nothing.
 */
import { delay } from '@lab/sdk/clock';
import { LabError } from '@lab/sdk/errors';
import type { OutputView } from '@lab/sdk/views/answers';
import type { ActionView, NodeView, ShowView } from '@lab/sdk/views/views';
import type { Context } from './context.ts';
import { actionState, shaped } from './faces/words.ts';
import { clockTime } from './terminal/when.ts';

const POLL_MS = 300;
const ENDED = new Set(['completed', 'failed', 'rejected', 'cancelled']);
const WAITS = new Set(['window', 'maintenance', 'approval']);

export type End = 'done' | 'failed' | 'waits' | 'queued';

export interface Followed {
  readonly action: ActionView;
  readonly end: End;
}

export async function follow(
  context: Context,
  actions: readonly ActionView[],
  { output }: { readonly output: boolean },
): Promise<Followed[]> {
  return await context.io.interruptible(async (signal) => {
    const follower = new Follower(context, output);
    const open = new Map(actions.map((action) => [action.ulid, action]));
    const ends: Followed[] = [];
    for (;;) {
      const nodes = new Map((await context.hub.get<NodeView[]>('/v1/nodes')).map((node) => [node.name, node]));
      for (const action of open.values()) {
        const now = await follower.look(action);
        const end = endOf(now, nodes.get(now.node), context.io.clock.now());
        open.set(now.ulid, now);
        if (end === undefined) continue;
        open.delete(now.ulid);
        ends.push({ action: now, end });
        follower.sayEnd(now, end);
      }
      if (open.size === 0) return ends;
      await delay(context.io.clock, POLL_MS, signal).catch(() => {
        throw new LabError('cancelled', 'no longer followed; what was approved goes on', {
          hint: 'see it: lab actions',
        });
      });
    }
  });
}

class Follower {
  readonly #context: Context;
  readonly #output: boolean;
  readonly #said = new Map<string, string>();
  readonly #printed = new Map<string, number>();

  constructor(context: Context, output: boolean) {
    this.#context = context;
    this.#output = output;
  }

  async look({ id, ulid }: ActionView): Promise<ActionView> {
    const { action } = await this.#context.hub.get<ShowView>('/v1/show', { name: `${id}@${ulid}` });
    if (action === undefined) throw new LabError('not_found', `${id} is gone`, { at: id });
    if (action.state === 'running') this.#say(action, 'runs');
    if (this.#output && (action.state === 'running' || ENDED.has(action.state))) await this.#print(ulid);
    return action;
  }

  sayEnd(action: ActionView, end: End): void {
    this.#say(action, endText(action, end, this.#context.io.clock.now()));
    const diagnosis = action.outcome?.diagnosis;
    if (end === 'failed' && diagnosis !== undefined) this.#context.io.err(`${diagnosis.replace(/^/gm, '  ')}\n`);
  }

  #say(action: ActionView, text: string): void {
    if (this.#said.get(action.ulid) === text) return;
    this.#said.set(action.ulid, text);
    const { text: shape, tone } = shaped(actionState(action.state), '');
    this.#context.io.err(`${this.#context.errStyle(tone, shape.trimEnd())} ${action.id} ${text}\n`);
  }

  async #print(ulid: string): Promise<void> {
    const { io, output } = this.#context;
    const { lines } = await this.#context.hub.get<OutputView>(`/v1/runs/${ulid}/output`);
    const fresh = lines.slice(this.#printed.get(ulid) ?? 0);
    this.#printed.set(ulid, lines.length);
    if (fresh.length > 0) (output === 'table' ? io.out : io.err)(`${fresh.join('\n')}\n`);
  }
}

function endOf(action: ActionView, node: NodeView | undefined, nowMs: number): End | undefined {
  if (action.state === 'completed') return 'done';
  if (ENDED.has(action.state)) return 'failed';
  if (action.state === 'running') return undefined;
  if (outOfReach(action, node)) return 'queued';
  const notBefore = action.approval?.notBefore;
  if (action.state === 'pending' || (notBefore !== undefined && Date.parse(notBefore) > nowMs)) return 'waits';
  return WAITS.has(action.why.waitsFor ?? '') && action.why.waitsFor !== 'approval' ? 'waits' : undefined;
}

/** The node is not there to take it: it is queued until it is. */
export function outOfReach(action: ActionView, node: NodeView | undefined): boolean {
  return (
    ['silent', 'unreachable'].includes(action.why.waitsFor ?? '') || (node !== undefined && node.state !== 'connected')
  );
}

function endText(action: ActionView, end: End, nowMs: number): string {
  const notBefore = action.approval?.notBefore;
  switch (end) {
    case 'done':
      return 'completed';
    case 'failed':
      return `${action.state}: ${action.outcome?.reason ?? 'no reason was given'}`;
    case 'queued':
      return `is approved and queued: ${action.node} is out of reach, it runs when it is back`;
    case 'waits':
      return notBefore === undefined
        ? `waits for ${action.why.waitsFor ?? 'an approval'}`
        : `is approved for ${clockTime(notBefore, nowMs)}, when its window opens`;
  }
}

/** The exit code for all of them: the gravest first. */
export function exitOf(followed: readonly Followed[]): number {
  const ends = new Set(followed.map(({ end }) => end));
  return ends.has('failed') ? 1 : ends.has('queued') ? 7 : ends.has('waits') ? 6 : 0;
}
