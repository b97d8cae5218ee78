/**
 * Which approved actions may start now, on the hub. Pure: the same queue gives the same answer, and an action that was named once
 * is named again until it runs, so that its grant lies ready however often the node asks.
 *
 * One at a time on a node; at most `settings.parallel` at once; what a service depends on goes before it; among changes, a lower
 * wave of the whole fleet goes before a higher one. A node out of reach holds nobody up: its grant waits for it.
 */
import { type DesiredService, type Fleet, type ServiceKey, type StatedAction, serviceKey } from '@lab/sdk';

export interface DispatchArgs {
  readonly approved: readonly StatedAction[];
  readonly running: readonly StatedAction[];
  readonly fleet: Fleet;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Whether the node is connected. All are, unless told. */
  readonly reachable?: (node: string) => boolean;
}

export interface Dispatched {
  /** To be granted now. */
  readonly start: readonly StatedAction[];
  /** Nobody started them in time. */
  readonly expire: readonly StatedAction[];
  /** `window`, `node_busy`, `dependency`, `wave`, `slots`, `unreachable` (granted, and the node is not there to take it). */
  readonly waiting: readonly { readonly id: string; readonly waitsFor: string; readonly nextTry?: string }[];
}

/** A node may have started in the last second, and its word is still on the way. */
const EXPIRY_GRACE_MS = 30_000;
const LAST_WAVE = Number.MAX_SAFE_INTEGER;

export function dispatch({ approved, running, fleet, now, reachable = () => true }: DispatchArgs): Dispatched {
  const start: StatedAction[] = [];
  const expire: StatedAction[] = [];
  const waiting: { id: string; waitsFor: string; nextTry?: string }[] = [];
  const ready: StatedAction[] = [];
  for (const action of approved) {
    const { notBefore, expiresAt } = action.approval ?? {};
    if (expiresAt !== undefined && now >= Date.parse(expiresAt) + EXPIRY_GRACE_MS) expire.push(action);
    else if (notBefore !== undefined && now < Date.parse(notBefore)) {
      waiting.push({ id: action.id, waitsFor: 'window', nextTry: notBefore });
    } else ready.push(action);
  }
  const waveOf = (action: StatedAction): number => serviceOf(fleet, action)?.wave ?? LAST_WAVE;
  ready.sort((a, b) => waveOf(a) - waveOf(b) || compare(readyAt(a), readyAt(b)) || compare(a.ulid, b.ulid));

  const busy = new Set(running.map((action) => action.node));
  const ahead = new Set([...running, ...ready].flatMap((action) => keyOf(action) ?? []));
  let lowest = LAST_WAVE;
  for (const action of [...running, ...ready]) {
    if (action.class === 'change' && reachable(action.node)) lowest = Math.min(lowest, waveOf(action));
  }
  let slots = fleet.settings.parallel - running.filter((action) => reachable(action.node)).length;
  for (const action of ready) {
    const there = reachable(action.node);
    const waitsFor = busy.has(action.node)
      ? 'node_busy'
      : dependsOnAny(fleet, action, ahead)
        ? 'dependency'
        : there && action.class === 'change' && waveOf(action) > lowest
          ? 'wave'
          : there && slots <= 0
            ? 'slots'
            : undefined;
    if (waitsFor !== undefined) {
      waiting.push({ id: action.id, waitsFor });
      continue;
    }
    start.push(action);
    busy.add(action.node);
    if (there) slots -= 1;
    else waiting.push({ id: action.id, waitsFor: 'unreachable' });
  }
  return { start, expire, waiting };
}

/** Whether something that this service stands on, near or far, has an action of its own to go first. */
function dependsOnAny(fleet: Fleet, action: StatedAction, ahead: ReadonlySet<ServiceKey>): boolean {
  const met = new Set<ServiceKey>();
  const look = [...(serviceOf(fleet, action)?.dependsOn ?? [])];
  for (let name = look.pop(); name !== undefined; name = look.pop()) {
    const key = serviceKey(action.node, name);
    if (met.has(key)) continue;
    met.add(key);
    if (ahead.has(key) && key !== keyOf(action)) return true;
    look.push(...(fleet.services.get(key)?.dependsOn ?? []));
  }
  return false;
}

function keyOf(action: StatedAction): ServiceKey | undefined {
  return action.service === null ? undefined : serviceKey(action.node, action.service);
}

function serviceOf(fleet: Fleet, action: StatedAction): DesiredService | undefined {
  const key = keyOf(action);
  return key === undefined ? undefined : fleet.services.get(key);
}

function readyAt({ approval, createdAt }: StatedAction): string {
  return approval?.notBefore ?? approval?.at ?? createdAt;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
