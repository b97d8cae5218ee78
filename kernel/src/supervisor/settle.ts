/**
 * What a plan means for the queue: which actions to make, which pending ones to cancel and why, which drifts are over.
 *
 * INVARIANTS: pure. Only pending actions are cancelled, never one of a person's. What stands behind a closed gate stays as it is,
 * because nothing is known about it. After what it says is done, settling the same plan again says nothing.
 */
import type { ActionClass, ActionRow, ActionState, StatedAction } from '@lab/sdk';
import { GATES } from './gates.ts';
import { isOpen } from './judge.ts';
import type { Plan, PlanArgs, PlannedChange } from './plan.ts';
import { subjectOf } from './scope.ts';

export type CancelReason = 'drift_resolved_auto' | 'service_removed_from_desired_state' | 'superseded';

export interface Cancel {
  readonly id: string;
  readonly ulid: string;
  readonly reason: CancelReason;
  /** The change that takes its place under the same id. */
  readonly recreate?: PlannedChange;
}

export interface Settlement {
  readonly create: readonly PlannedChange[];
  readonly cancel: readonly Cancel[];
  /** Actions with a failure, a rejection or a cancellation to forget, because their drift is over: to be journalled as `drift_resolved`. */
  readonly resolved: readonly string[];
}

interface Open {
  readonly id: string;
  readonly ulid: string;
  readonly planHash: string;
  readonly state: ActionState;
  readonly node: string;
  readonly service: string | null;
  readonly class: ActionClass;
}

export function settle(
  actions: readonly (StatedAction | ActionRow)[],
  plan: Plan,
  args: Pick<PlanArgs, 'fleet' | 'world'>,
): Settlement {
  const open = actions.map(openOf).filter(isOpen);
  const planned = new Map(plan.changes.map((change) => [change.id, change]));
  const waiting = new Set(plan.waiting.map(({ id }) => id));
  const gated = gatedIn(plan);
  const cancel: Cancel[] = [];
  const kept = new Set<string>();
  const busy = new Set<string>();
  for (const action of open) {
    const ended = endOf(action, planned.get(action.id), waiting, gated, args);
    if (ended !== undefined) cancel.push(ended);
    else {
      kept.add(action.id);
      if (action.service !== null) busy.add(subjectOf(action.node, action.service));
    }
  }
  const recreated = new Set(cancel.flatMap(({ recreate }) => (recreate === undefined ? [] : [recreate.id])));
  const create = plan.changes.filter(
    ({ id, node, service }) =>
      !kept.has(id) && !recreated.has(id) && (service === null || !busy.has(subjectOf(node, service))),
  );
  return { create, cancel, resolved: resolvedIn(plan, gated, cancel, args) };
}

function endOf(
  action: Open,
  planned: PlannedChange | undefined,
  waiting: ReadonlySet<string | null>,
  gated: ReadonlySet<string>,
  { fleet }: Pick<PlanArgs, 'fleet'>,
): Cancel | undefined {
  const { id, ulid, node, service } = action;
  if (action.state !== 'pending' || action.class === 'person') return undefined;
  if (planned?.planHash === action.planHash) return undefined;
  if (planned !== undefined) return { id, ulid, reason: 'superseded', recreate: planned };
  const leaves = { id, ulid, reason: 'service_removed_from_desired_state' } as const;
  if (!fleet.nodes.has(node) && action.class !== 'remove') return leaves;
  if (isGated(node, service, gated)) return undefined;
  const desired = service === null ? undefined : fleet.services.get(`${node}/${service}`);
  if (service !== null && action.class !== 'remove' && (desired === undefined || desired.observed)) return leaves;
  if (action.class === 'heal' && desired?.monitor === false) return leaves;
  return { id, ulid, reason: waiting.has(id) ? 'superseded' : 'drift_resolved_auto' };
}

/** Rows that remember something, of which the plan says nothing although it could see. */
function resolvedIn(
  plan: Plan,
  gated: ReadonlySet<string>,
  cancel: readonly Cancel[],
  { world }: Pick<PlanArgs, 'world'>,
): string[] {
  const ended = new Set(cancel.map(({ id }) => id));
  const mentioned = new Set<string>();
  for (const { id, node, service } of [...plan.changes, ...plan.waiting]) {
    mentioned.add(service === null ? (id ?? node) : subjectOf(node, service));
  }
  const resolved: string[] = [];
  for (const row of world.rows<ActionRow>('control', 'action').values()) {
    const remembers = row.failures > 0 || row.rejectedUntil !== undefined || row.cancelledBy !== undefined;
    if (!remembers || (isOpen(row) && !ended.has(row.id))) continue;
    const { node, service } = row.change;
    if (isGated(node, service, gated)) continue;
    if (!mentioned.has(service === null ? row.id : subjectOf(node, service))) resolved.push(row.id);
  }
  return resolved.sort();
}

/** Nodes, and services as `node/service`, of which the plan could not say anything. */
function gatedIn(plan: Plan): ReadonlySet<string> {
  const gated = new Set<string>();
  for (const { node, service, id, why } of plan.waiting) {
    if (id === null && GATES.has(why.waitsFor ?? '')) gated.add(subjectOf(node, service));
  }
  return gated;
}

function isGated(node: string, service: string | null, gated: ReadonlySet<string>): boolean {
  return gated.has(node) || (service !== null && gated.has(subjectOf(node, service)));
}

function openOf(action: StatedAction | ActionRow): Open {
  const { id, ulid, planHash, state } = action;
  const { node, service, class: cls } = 'change' in action ? action.change : action;
  return { id, ulid, planHash, state, node, service, class: cls };
}
