/**
 * Which of a service's drifts is done: at most one action of a service is pending, approved or running.
 *
 * Heal and change are told apart first, by what holds now: under heal `auto` the heal runs first; otherwise the change is proposed
 * if it may run now (policy and history let it, its window is open), else the heal. A change under way suspends heals. Within one
 * of the two, an action that is open stays the one while its own drift holds: a further cause never supersedes it.
 */
import type { ActionRow, Drift, EffectivePolicy } from '@lab/sdk';
import { maintenanceWaiting } from './gates.ts';
import { type Candidate, type Judged, judge, type NodeCase, waits, whyOf } from './judge.ts';
import { maintenanceOf } from './maintenance.ts';
import type { PlannedChange, Waiting } from './plan.ts';
import { type PlanScope, subjectOf } from './scope.ts';

export function decide(node: NodeCase['node'], scope: PlanScope, changes: PlannedChange[], waiting: Waiting[]): void {
  const subjects = candidatesOf(node.name, scope, waiting);
  if (subjects === undefined) return;
  const at: NodeCase = { node, scope, autoHeals: 0 };
  for (const [subject, candidates] of subjects) {
    const service = candidates[0]?.drift.service ?? null;
    const desired = scope.args.fleet.services.get(`${node.name}/${service ?? ''}`);
    if (desired !== undefined && scope.holds.has(desired.key)) continue;
    const pause = service === null ? undefined : maintenanceOf(node, service, scope.maintenance, scope.args.fleet);
    if (pause !== undefined) {
      waiting.push(maintenanceWaiting(node.name, service, pause, scope.args.now));
      continue;
    }
    const made = choose(candidates, scope.open.get(subject) ?? [], at, desired?.policy ?? node.policy, waiting);
    if (made === undefined) continue;
    changes.push(made);
    if (made.class === 'heal' && made.mode === 'auto') at.autoHeals += 1;
  }
}

/** What drifted, by the service (or node) that it is about; what nothing can be done about goes to `waiting` at once. */
function candidatesOf(node: string, scope: PlanScope, waiting: Waiting[]): Map<string, Candidate[]> | undefined {
  let found: Map<string, Candidate[]> | undefined;
  for (const resource of scope.args.resources) {
    for (const drift of resource.drifts(node, scope.args)) {
      const verb = drift.verb === null ? undefined : resource.verbs[drift.verb];
      if (drift.verb === null || verb === undefined) {
        const note = drift.verb === null ? [] : [`${resource.id} does not know how to ${drift.verb}`];
        waiting.push({ node, service: drift.service, id: null, why: whyOf(drift, note) });
        continue;
      }
      const id = verb.id(node, drift.service);
      const candidate = { drift, id, type: drift.verb, resource: resource.id };
      // What concerns the node as a whole is one matter for each action.
      const subject = drift.service === null ? id : subjectOf(node, drift.service);
      found ??= new Map();
      const of = found.get(subject);
      if (of === undefined) found.set(subject, [candidate]);
      else of.push(candidate);
    }
  }
  return found;
}

function choose(
  candidates: readonly Candidate[],
  open: readonly ActionRow[],
  at: NodeCase,
  policy: EffectivePolicy,
  waiting: Waiting[],
): PlannedChange | undefined {
  const first = open[0];
  if (first !== undefined && (first.state !== 'pending' || first.change.class === 'person')) {
    return underWay(candidates, first, at, policy, waiting);
  }
  const heals = candidates.filter(({ drift }) => isHeal(drift));
  const others = candidates.filter(({ drift }) => !isHeal(drift));
  const heal = judged(standing(heals, first), at, policy);
  const other = judged(standing(others, first), at, policy);
  const chosen = between(heal, other, first);
  for (const lost of [heal, other]) if (lost !== undefined && lost !== chosen) waiting.push(loser(lost, chosen));
  // More changes of one service, such as those of another resource type, come one after another.
  for (const more of others) {
    if (more !== other?.candidate && more.id !== other?.candidate.id)
      waiting.push(loser({ candidate: more, runsNow: false }, chosen));
  }
  if (chosen?.change === undefined && chosen?.waiting !== undefined) waiting.push(chosen.waiting);
  return chosen?.change;
}

/** Something is approved or runs, or a person is at it: it alone, while its drift holds. */
function underWay(
  candidates: readonly Candidate[],
  open: ActionRow,
  at: NodeCase,
  policy: EffectivePolicy,
  waiting: Waiting[],
): PlannedChange | undefined {
  const own = candidates.find(({ id, drift }) => id === open.id && drift.class === open.change.class);
  const change = own === undefined ? undefined : judge(own, at, policy).change;
  const goesOn = change?.planHash === open.planHash ? change : undefined;
  const next = candidates.find(({ drift }) => goesOn === undefined || isHeal(drift) !== isHeal(goesOn));
  const note = `the ${open.change.class} (${open.id}) ${open.state === 'running' ? 'runs' : `is ${open.state}`}`;
  const entry = next === undefined ? undefined : waits(next, 'action', note).waiting;
  if (entry !== undefined) waiting.push(entry);
  return goesOn;
}

/** The one that is pending already while its drift holds, else the most urgent. */
function standing(candidates: readonly Candidate[], open: ActionRow | undefined): Candidate | undefined {
  const own = candidates.find(({ id, drift }) => id === open?.id && isHeal(drift) === isHeal(open.change));
  return own ?? candidates[0];
}

function judged(candidate: Candidate | undefined, at: NodeCase, policy: EffectivePolicy): Judged | undefined {
  return candidate === undefined ? undefined : judge(candidate, at, policy);
}

function between(heal: Judged | undefined, other: Judged | undefined, open: ActionRow | undefined): Judged | undefined {
  if (heal === undefined || other === undefined) return heal ?? other;
  const goesOn =
    other.change?.mode === 'auto' && open?.id === other.change.id && open.planHash === other.change.planHash;
  if (goesOn) return other;
  if (heal.change?.mode === 'auto') return heal;
  if (other.change !== undefined && other.runsNow) return other;
  if (heal.change !== undefined) return heal;
  return other.change === undefined ? heal : other;
}

function loser(lost: Judged, chosen: Judged | undefined): Waiting {
  if (lost.waiting !== undefined) return lost.waiting;
  const { drift, id } = lost.candidate;
  const note = chosen === undefined ? [] : [`the ${chosen.candidate.drift.class} (${chosen.candidate.id}) comes first`];
  return { node: drift.node, service: drift.service, id, why: whyOf(drift, note, 'action') };
}

function isHeal(of: Pick<Drift, 'class'>): boolean {
  return of.class === 'heal';
}
