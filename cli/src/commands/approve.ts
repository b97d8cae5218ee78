/** `lab approve`: names what was seen. Where nothing was, it shows the change and asks; where nobody can be asked, it ends. */
import { asLabError, LabError } from '@lab/sdk/errors';
import type { ActionView, NodeView, ShowView } from '@lab/sdk/views/views';
import type { Args } from '../args.ts';
import { type Context, print } from '../context.ts';
import { showFace } from '../faces/show-face.ts';
import { fromTo, short } from '../faces/words.ts';
import { exitOf, follow, outOfReach } from '../follow.ts';
import type { SeenAction } from '../seen.ts';
import { age, clockTime } from '../terminal/when.ts';

interface Request {
  readonly hash?: string;
  readonly ulid?: string;
  readonly yes?: true;
}

export async function run(context: Context, args: Args): Promise<number> {
  const name = args.need(0);
  const [id = '', asked] = name.split('@');
  const request = await requestFor(context, args, id, asked);
  if (request === undefined) {
    context.io.err('nothing was approved\n');
    return 1;
  }
  const note = args.value('note');
  const approved = await send(context, id, {
    ...request,
    ...(note === undefined ? {} : { note }),
    ...(args.flag('now') ? { now: true } : {}),
  });
  if (args.flag('wait')) {
    const followed = await follow(context, [approved], { output: true });
    if (context.output !== 'table') await print(context, followed[0]?.action ?? approved, () => '');
    return exitOf(followed);
  }
  const node = (await context.hub.get<NodeView[]>('/v1/nodes')).find((one) => one.name === approved.node);
  await print(context, approved, () => `${approvedText(approved, node, context.nowMs)}\n`);
  return outOfReach(approved, node) ? 7 : 0;
}

async function requestFor(
  context: Context,
  args: Args,
  id: string,
  asked: string | undefined,
): Promise<Request | undefined> {
  const hash = args.value('hash');
  const ulid = asked === undefined ? {} : { ulid: asked };
  if (hash !== undefined) {
    if (!/^[0-9a-f]{7,64}$/.test(hash))
      throw new LabError('usage', `--hash ${JSON.stringify(hash)} is no hash`, {
        hint: 'give 7 to 64 hexadecimal digits',
      });
    return { hash, ...ulid };
  }
  if (args.flag('yes')) return { yes: true, ...ulid };
  const seen = context.seen.get(id);
  if (seen !== undefined && (asked === undefined || asked === seen.ulid))
    return { hash: seen.planHash, ulid: seen.ulid };
  return await shownAndAsked(context, asked === undefined ? id : `${id}@${asked}`);
}

async function shownAndAsked(context: Context, name: string): Promise<Request | undefined> {
  const { io, drawing, nowMs } = context;
  const shown = await context.hub.get<ShowView>('/v1/show', { name });
  const { action } = shown;
  if (action === undefined)
    throw new LabError('usage', `${name} is a ${shown.kind}, not an action`, { hint: 'lab actions lists the actions' });
  if (!io.inTerminal || !io.errTerminal) {
    throw new LabError('usage', `${name} was not shown to you yet`, {
      hint: `see it first: lab show ${name}\nor name it: --hash ${short(action.planHash)}, or --yes for whatever it is`,
    });
  }
  io.err(showFace(shown, { ...drawing, nowMs }));
  context.seen.show([action], nowMs);
  const answer = await io.ask('Approve it? [y/N] ');
  return /^y(es)?$/i.test(answer?.trim() ?? '') ? { hash: action.planHash, ulid: action.ulid } : undefined;
}

async function send(context: Context, id: string, request: Request): Promise<ActionView> {
  try {
    return await context.hub.post<ActionView>(`/v1/actions/${encodeURIComponent(id)}/approve`, request);
  } catch (cause) {
    const error = asLabError(cause);
    throw error.code === 'stale' ? await staleError(context, id, request, error) : error;
  }
}

/** What was seen beside what it is now: the one who typed it should see at once what moved. */
async function staleError(context: Context, id: string, request: Request, error: LabError): Promise<LabError> {
  const current = await context.hub
    .get<ShowView>('/v1/show', { name: id })
    .then((shown) => shown.action)
    .catch(() => undefined);
  if (current === undefined) return error;
  const seen = context.seen.get(id);
  const before = request.hash !== undefined && seen?.planHash.startsWith(request.hash) ? seen : undefined;
  const hint = `${staleText(before, request.hash, current, context.io.clock.now())}\nsee it: lab show ${id}`;
  return new LabError('stale', 'this approval is stale', { hint, cause: error });
}

function staleText(
  before: SeenAction | undefined,
  hash: string | undefined,
  current: ActionView,
  nowMs: number,
): string {
  const saw = before === undefined ? short(hash) : `${fromTo(before)} (${short(before.planHash)})`;
  if (before?.planHash === current.planHash) {
    return `you saw the proposal of an earlier incident; since ${age(current.createdAt, nowMs)} ago there is a new one`;
  }
  return `you saw ${saw}; since ${age(current.createdAt, nowMs)} ago the change is ${fromTo(current)} (${short(current.planHash)})`;
}

export function approvedText(action: ActionView, node: NodeView | undefined, nowMs: number): string {
  const notBefore = action.approval?.notBefore;
  if (outOfReach(action, node)) return `approved and queued: ${action.node} is out of reach, it runs when it is back`;
  if (notBefore !== undefined && Date.parse(notBefore) > nowMs) {
    return `approved for ${clockTime(notBefore, nowMs)}, when its window opens (--now to do it at once)`;
  }
  return action.why.waitsFor === 'maintenance' ? 'approved; it waits for the end of the maintenance' : 'approved';
}
