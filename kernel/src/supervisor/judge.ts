/**
 * What becomes of one drift: policy, window and history. It knows nothing of other drifts of the same service, except that
 * heals by policy are counted.
 *
 * History is that of the action's id. A rejection and a backoff silence one change, by its planHash: when Git moves on, that is
 * another change.
 */
import {
  type ActionClass,
  type ActionRow,
  type Change,
  type Drift,
  type EffectivePolicy,
  type FleetNode,
  instant,
  type Mode,
  planHash,
} from '@lab/sdk';
import type { PlannedChange, Waiting } from './plan.ts';
import { HOUR_MS, type PlanScope, within } from './scope.ts';
import { spanText, timesText, timeText } from './time-text.ts';

/** A drift with the action that it would be. */
export interface Candidate {
  readonly drift: Drift;
  readonly id: string;
  readonly type: string;
  readonly resource: string;
}

export interface Judged {
  readonly candidate: Candidate;
  /** What to propose, or undefined where it waits. */
  readonly change?: PlannedChange;
  /** Not for its window, nor for anything else but an approval. */
  readonly runsNow: boolean;
  readonly waiting?: Waiting;
}

/** What one node has in common while it is planned. */
export interface NodeCase {
  readonly node: FleetNode;
  readonly scope: PlanScope;
  /** Heals by policy that this plan itself has handed out on this node. */
  autoHeals: number;
}

export function judge(candidate: Candidate, at: NodeCase, policy: EffectivePolicy): Judged {
  const { drift, id, type } = candidate;
  const { scope, node } = at;
  const { now, fleet } = scope.args;
  const said = modeOf(drift.class, policy);
  if (said === 'never') {
    const by = policy.through[drift.class] ?? 'default';
    return waits(candidate, 'policy', `policy says never for ${drift.class} (${by})`);
  }
  const { class: cls, from, to, parameters, service } = drift;
  const hash = planHash({ type, node: node.name, service, class: cls, from, to, parameters });
  const row = scope.actions.get(id);
  const open = row !== undefined && isOpen(row);
  const standing = open && row.planHash === hash;
  const silenced = row === undefined || standing ? undefined : silence(candidate, hash, row, at);
  if (silenced !== undefined) return silenced;

  const notes: string[] = [];
  let mode: 'auto' | 'ask' = said;
  const limit = cls === 'heal' && mode === 'auto' && row?.state !== 'approved' && row?.state !== 'running';
  const reached = limit ? limitReached(at, service, policy) : undefined;
  if (reached !== undefined) {
    mode = 'ask';
    notes.push(reached);
  }
  if (mode === 'auto' && row?.cancelledHash === hash && row.cancelledBy !== undefined) {
    mode = 'ask';
    notes.push(`cancelled by ${row.cancelledBy}, so it asks`);
  }
  if (cls === 'remove' && mode === 'auto' && isEmpty(node.name, scope)) {
    mode = 'ask';
    notes.push(`this takes everything from ${node.name}, so it asks`);
  }
  const window = cls === 'heal' || cls === 'person' ? undefined : scope.windowAt(policy.windows);
  const closed = window !== undefined && !window.open;
  const opens = window?.opensAt === undefined ? undefined : instant(window.opensAt);
  if (closed && mode === 'auto') {
    const when = opens === undefined ? 'its window never opens' : `window opens ${timeText(opens, now)}`;
    if (!open) return waits(candidate, 'window', when, opens);
    mode = 'ask';
  }
  if (closed && opens !== undefined) notes.push(`window opens ${timeText(opens, now)}`);
  const proposals = countProposals(row, open, at);
  const flaps = proposals >= fleet.settings.flapping.proposals;
  if (flaps) notes.push(`flapping: ${proposals} proposals in ${spanText(fleet.settings.flapping.withinMs)}`);
  const failures = row === undefined ? 0 : failuresOf(row, hash);
  if (failures > 0) notes.push(`failed ${timesText(failures)} before`);

  const change: Change = {
    id,
    type,
    resource: candidate.resource,
    node: node.name,
    service,
    class: cls,
    from,
    to,
    parameters: { ...parameters },
    risk: flaps ? 'guarded' : drift.risk,
    why: whyOf(drift, notes, mode === 'ask' ? 'approval' : undefined, closed ? opens : undefined),
  };
  const planned: PlannedChange = {
    ...change,
    mode,
    planHash: hash,
    ...(closed && opens !== undefined ? { notBefore: opens } : {}),
  };
  return { candidate, change: planned, runsNow: !closed };
}

/** A candidate that something keeps back. */
export function waits(candidate: Candidate, waitsFor: string, note: string, nextTry?: string): Judged {
  const { node, service } = candidate.drift;
  const waiting = { node, service, id: candidate.id, why: whyOf(candidate.drift, [note], waitsFor, nextTry) };
  return { candidate, runsNow: false, waiting };
}

export function isOpen(row: Pick<ActionRow, 'state'>): boolean {
  return row.state === 'pending' || row.state === 'approved' || row.state === 'running';
}

export function whyOf(drift: Drift, notes: readonly string[], waitsFor?: string, nextTry?: string): Change['why'] {
  return {
    rule: drift.rule,
    ...(drift.cause === undefined ? {} : { cause: drift.cause }),
    text: [drift.text, ...notes].join('; '),
    evidence: [...drift.evidence],
    ...(waitsFor === undefined ? {} : { waitsFor }),
    ...(nextTry === undefined ? {} : { nextTry }),
  };
}

function modeOf(cls: ActionClass, policy: EffectivePolicy): Mode {
  return cls === 'person' ? 'ask' : policy[cls];
}

/** This change was rejected, or failed a while ago. */
function silence(candidate: Candidate, hash: string, row: ActionRow, at: NodeCase): Judged | undefined {
  const { now, fleet } = at.scope.args;
  const reason = row.reason === undefined || row.reason === '' || isOpen(row) ? '' : ` (${row.reason})`;
  const rejected = (row.rejectedHash ?? row.planHash) === hash ? row.rejectedUntil : undefined;
  if (rejected !== undefined && Date.parse(rejected) > now) {
    const note = `rejected${reason}, silent until ${timeText(rejected, now)} or until it resolves`;
    return waits(candidate, 'rejection', note, rejected);
  }
  const failures = failuresOf(row, hash);
  const failedAt = Date.parse(row.failedAt ?? '');
  const { firstMs, maxMs } = fleet.settings.backoff;
  const backoffMs = Math.min(maxMs, firstMs * 2 ** (failures - 1));
  // A failure further in the future than its backoff is that of a clock that was set back since.
  if (failures === 0 || !(Math.abs(now - failedAt) < backoffMs)) return undefined;
  const next = instant(failedAt + backoffMs);
  const note = `failed ${timesText(failures)}${reason}, tried again ${timeText(next, now)}`;
  return waits(candidate, 'backoff', note, next);
}

/** Failures in a row of this very change. */
function failuresOf(row: ActionRow, hash: string): number {
  return (row.failedHash ?? row.planHash) === hash ? row.failures : 0;
}

function limitReached(at: NodeCase, service: string | null, policy: EffectivePolicy): string | undefined {
  const { scope, node } = at;
  let ofNode = at.autoHeals;
  let ofService = 0;
  for (const row of scope.healed.get(node.name) ?? []) {
    for (const time of row.autoAt) {
      if (!within(time, scope.args.now, HOUR_MS)) continue;
      ofNode += 1;
      if (row.change.service === service) ofService += 1;
    }
  }
  const { healPerHour } = policy;
  if (ofService >= healPerHour.service) return `healed ${timesText(ofService)} by itself in an hour, so it asks`;
  if (ofNode >= healPerHour.node) return `${ofNode} heals by themselves on ${node.name} in an hour, so it asks`;
  return undefined;
}

/** Proposals of this id lately, this one among them. */
function countProposals(row: ActionRow | undefined, open: boolean, at: NodeCase): number {
  const { now, fleet } = at.scope.args;
  let count = open ? 0 : 1;
  for (const time of row?.proposedAt ?? []) if (within(time, now, fleet.settings.flapping.withinMs)) count += 1;
  return count;
}

/** No service of ours is desired there any more. */
function isEmpty(node: string, scope: PlanScope): boolean {
  const { fleet } = scope.args;
  return !(fleet.servicesOf.get(node) ?? []).some((key) => fleet.services.get(key)?.observed === false);
}
