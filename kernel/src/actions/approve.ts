/**
 * The rules of an approval: it names what was seen, is bound to one proposal and one planHash, and expires. Pure; who may
 * approve, and when a window opens, is decided elsewhere.
 */
import {
  type Approval,
  type Change,
  instant,
  LabError,
  planHash,
  type Settings,
  type StatedAction,
  short,
} from '@lab/sdk';
import { saysItIs } from './refusals.ts';

export interface SeenRequest {
  /** planHash that was seen, or seven or more of its first characters. */
  readonly hash?: string;
  /** The proposal that was seen. */
  readonly ulid?: string;
  /** Whatever it is. */
  readonly yes?: boolean;
}

const PREFIX = /^[0-9a-f]{7,64}$/;

/**
 * Throws unless `action` may be approved as it was seen. `current` is the change that the planner wants now, undefined where it
 * wants none of this id (a node that is silent, a person's own action); `earlier` are proposals of this id, newest first, to say what was seen.
 */
export function checkApproval(
  action: StatedAction,
  request: SeenRequest,
  current: Change | undefined,
  context: { readonly now: number; readonly earlier?: readonly StatedAction[] },
): void {
  const { id } = action;
  const hint = `see it: lab show ${id}`;
  if (request.hash !== undefined && !PREFIX.test(request.hash)) {
    throw new LabError('usage', `"${request.hash}" is not a hash of seven or more of 0-9 and a-f`, { at: id, hint });
  }
  if (request.hash === undefined && request.yes !== true) {
    throw new LabError('usage', `say what you approve of ${id}`, {
      at: id,
      hint: `lab approve ${id} --hash ${short(action.planHash)}, or --yes for whatever it is`,
    });
  }
  const earlier = context.earlier ?? [];
  if (request.ulid !== undefined && request.ulid !== action.ulid) {
    const seen = earlier.find((other) => other.ulid === request.ulid);
    const same = seen !== undefined && seen.planHash === action.planHash;
    const what = same
      ? `the proposal that you saw ended (${saysItIs(seen)}); this one was made ${agoOf(action, context.now)}, for another incident`
      : `you saw ${said(seen, request.hash)}; since ${agoOf(action, context.now)} the change is ${arrow(action)}`;
    throw new LabError('stale', `this approval is stale\n  ${what}`, { at: id, hint });
  }
  if (request.hash !== undefined && !action.planHash.startsWith(request.hash)) {
    const { hash } = request;
    const seen = earlier.find((other) => other.planHash.startsWith(hash));
    const what = `you saw ${said(seen, hash)}; since ${agoOf(action, context.now)} the change is ${arrow(action)}`;
    throw new LabError('stale', `this approval is stale\n  ${what}`, { at: id, hint });
  }
  if (action.state !== 'pending') {
    const first = action.state === 'approved' ? `${id} is already approved` : `${id} cannot be approved any more`;
    throw new LabError('conflict', `${first}: ${saysItIs(action)}`, { at: id, hint, data: { state: action.state } });
  }
  if (current !== undefined && planHash(current) !== action.planHash) {
    const what = `you saw ${arrow(action)}; now the change is ${arrow({ ...current, planHash: planHash(current) })}`;
    throw new LabError('stale', `this approval is stale\n  ${what}`, { at: id, hint });
  }
}

/** `notBefore` in milliseconds: the opening of its window, undefined where it may start at once. Expiry counts from there. */
export function makeApproval(
  who: { readonly by: string; readonly via: string; readonly note?: string | undefined },
  now: number,
  notBefore: number | undefined,
  settings: Pick<Settings, 'approvalExpiresMs'>,
): Approval {
  const later = notBefore !== undefined && notBefore > now ? notBefore : undefined;
  return {
    by: who.by,
    via: who.via,
    at: instant(now),
    ...(who.note === undefined ? {} : { note: who.note }),
    ...(later === undefined ? {} : { notBefore: instant(later) }),
    expiresAt: instant((later ?? now) + settings.approvalExpiresMs),
  };
}

/** `41d0a77 → 9f31c2e (7c1e4ab)` */
function arrow(change: Pick<StatedAction, 'from' | 'to' | 'planHash'>): string {
  return `${short(change.from)} → ${short(change.to)} (${short(change.planHash)})`;
}

function said(seen: StatedAction | undefined, hash: string | undefined): string {
  if (seen !== undefined) return arrow(seen);
  return hash === undefined ? 'another proposal' : `(${hash.slice(0, 7)})`;
}

function agoOf(action: StatedAction, now: number): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(action.createdAt)) / 1_000));
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min ago`;
  return `${Math.round(seconds / 3_600)} h ago`;
}
