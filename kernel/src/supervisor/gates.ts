/**
 * The gates before a node is planned at all: nothing is proposed for a node that we do not know enough of. The first that is
 * closed is the one that is said, once for the node.
 */
import type { FleetNode } from '@lab/sdk';
import { maintenanceOf } from './maintenance.ts';
import type { Waiting } from './plan.ts';
import type { PlanScope } from './scope.ts';
import { ageText, timeText } from './time-text.ts';

/** What a closed gate waits for. Pending actions of what stands behind one stay as they are. */
export const GATES: ReadonlySet<string> = new Set([
  'provider',
  'observation',
  'catching-up',
  'silent',
  'maintenance',
  'inventory',
]);

/** Undefined: plan it. */
export function gateOf(node: FleetNode, scope: PlanScope): Waiting | 'nothing to say' | undefined {
  const closed = closedGate(node, scope);
  if (closed === undefined) return undefined;
  return concerns(node.name, scope) || closed.why.waitsFor === 'silent' ? closed : 'nothing to say';
}

function closedGate(node: FleetNode, scope: PlanScope): Waiting | undefined {
  const { args } = scope;
  const { name } = node;
  if (node.provider !== 'edge' && args.providers?.has(node.provider) !== true) {
    return waits(name, 'no_provider', 'provider', `no plugin for provider ${node.provider} is loaded: not planned`);
  }
  const link = args.links.get(name);
  const observation = scope.observations.get(name);
  const silence = scope.silences.get(name);
  const silent = silence?.silent === true;
  if (silent && observation !== undefined && link?.connected !== true) return silentGate(name, scope);
  if (link === undefined || link.epoch === null) {
    const text = observation === undefined ? 'has never spoken' : 'has not spoken since the hub started';
    return waits(name, 'node_unseen', 'observation', text, observation === undefined ? [] : [observation.event]);
  }
  if (observation === undefined || !observation.complete || observation.epoch !== link.epoch) {
    const evidence = observation === undefined ? [] : [observation.event];
    return waits(name, 'node_unobserved', 'observation', 'has not said yet everything that runs there', evidence);
  }
  if (!link.caughtUp) {
    return waits(name, 'node_catching_up', 'catching-up', 'its events of the time it was away are still being read');
  }
  if (silent) return silentGate(name, scope);
  const pause = maintenanceOf(node, null, scope.maintenance, args.fleet);
  return pause === undefined ? undefined : maintenanceWaiting(name, null, pause, args.now);
}

export function maintenanceWaiting(
  node: string,
  service: string | null,
  pause: { readonly until: string; readonly by: string; readonly reason: string },
  now: number,
): Waiting {
  const text = `in maintenance until ${timeText(pause.until, now)}, by ${pause.by}: ${pause.reason}`;
  const why = { rule: 'maintenance', text, evidence: [], waitsFor: 'maintenance', nextTry: pause.until };
  return { node, service, id: null, why };
}

function silentGate(name: string, scope: PlanScope): Waiting {
  const row = scope.silences.get(name);
  const text = `silent for ${ageText(row?.since, scope.args.now)}, will be planned at its next heartbeat`;
  return waits(name, 'node_silent', 'silent', text, row === undefined ? [] : [row.event]);
}

/** Whether there is anything on it that a plan could be about. */
function concerns(name: string, scope: PlanScope): boolean {
  return (
    (scope.args.fleet.servicesOf.get(name)?.length ?? 0) > 0 ||
    scope.strays.has(name) ||
    scope.pressures.has(`${name}/disk`)
  );
}

function waits(node: string, rule: string, waitsFor: string, text: string, evidence: string[] = []): Waiting {
  return { node, service: null, id: null, why: { rule, text, evidence, waitsFor } };
}
