/**
 * The planner: desired × world × policy → what should be done, and what waits.
 *
 * INVARIANTS: pure, synchronous, total; no clock but `now`. What has drifted comes from the resource types; everything that the loop
 * decides (gates, heal or change, policy, windows, history) is decided here, so that executing decides nothing. The answer does not
 * depend on the order in which anything was put into a map. One node can be planned alone.
 *
 * It does not touch the queue: `settle` says what that means for actions that are there already.
 */
import type { Change, FleetNode, PlanInput, ResourceType, Why } from '@lab/sdk';
import { decide } from './decide.ts';
import { gateOf } from './gates.ts';
import { nodeWaiting, waitingForHolds } from './notices.ts';
import { type PlanScope, scopeOf } from './scope.ts';

export interface PlanArgs extends PlanInput {
  readonly resources: readonly ResourceType[];
  /** Plugins that drive nodes without an agent and are loaded: `ssh`. Nodes with an agent (`edge`) need none. */
  readonly providers?: ReadonlySet<string>;
  /** Nodes that left the inventory while something of ours still runs there, as they were last known. */
  readonly retired?: ReadonlyMap<string, FleetNode>;
}

export interface PlannedChange extends Change {
  readonly mode: 'auto' | 'ask';
  readonly planHash: string;
  /** Instant: the opening of its window, where that is closed now. */
  readonly notBefore?: string;
}

/** What is not done, and why. */
export interface Waiting {
  readonly node: string;
  readonly service: string | null;
  /** The action that it would be; null where there is none. */
  readonly id: string | null;
  readonly why: Why;
}

export interface Plan {
  /** In the order in which they should be done: waves first, then names. An action that is open already is among them while its drift holds. */
  readonly changes: readonly PlannedChange[];
  readonly waiting: readonly Waiting[];
}

export function plan(args: PlanArgs): Plan {
  const scope = scopeOf(args);
  const changes: PlannedChange[] = [];
  const waiting: Waiting[] = [];
  for (const node of args.fleet.nodes.keys()) planInto(node, scope, changes, waiting);
  for (const node of scope.strays.keys()) {
    if (!args.fleet.nodes.has(node)) planInto(node, scope, changes, waiting);
  }
  return sorted(changes, waiting, args);
}

/** One node alone; `scope` is what all nodes share, made once where many are planned. */
export function planNode(node: string, args: PlanArgs, scope: PlanScope = scopeOf(args)): Plan {
  const changes: PlannedChange[] = [];
  const waiting: Waiting[] = [];
  planInto(node, scope, changes, waiting);
  return sorted(changes, waiting, args);
}

function planInto(name: string, scope: PlanScope, changes: PlannedChange[], waiting: Waiting[]): void {
  const node = scope.args.fleet.nodes.get(name) ?? scope.args.retired?.get(name);
  if (node === undefined) {
    const left = nodeWaiting(name, scope);
    if (left !== undefined) waiting.push(left);
    return;
  }
  const gate = gateOf(node, scope);
  if (gate !== undefined) {
    if (gate !== 'nothing to say') waiting.push(gate);
    return;
  }
  if (scope.holds.size > 0) waitingForHolds(name, scope, waiting);
  decide(node, scope, changes, waiting);
}

function sorted(changes: PlannedChange[], waiting: Waiting[], { fleet }: PlanArgs): Plan {
  if (changes.length > 1) {
    const place = new Map(
      changes.map((change) => [change, { wave: waveOf(change, fleet), at: `${change.node}/${change.service ?? ''}` }]),
    );
    changes.sort((a, b) => {
      const [one, other] = [place.get(a), place.get(b)];
      return (one?.wave ?? 0) - (other?.wave ?? 0) || compare(one?.at, other?.at) || compare(a.id, b.id);
    });
  }
  if (waiting.length > 1) {
    const place = new Map(
      waiting.map((entry) => [entry, [entry.node, entry.service, entry.id, entry.why.rule].join('/')]),
    );
    waiting.sort((a, b) => compare(place.get(a), place.get(b)));
  }
  return { changes, waiting };
}

/** What is not desired (removals, cleaning up) comes after everything that is. */
function waveOf(change: Change, fleet: PlanArgs['fleet']): number {
  return (change.service === null ? undefined : fleet.services.get(`${change.node}/${change.service}`)?.wave) ?? 1e9;
}

function compare(a = '', b = ''): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
