/** The state of everything in one answer, and whether it has settled. */
import { ACTION_STATES, type ActionState, instant, type NodeView, type ServiceView, type StatusView } from '@lab/sdk';
import { actionView } from './actions.ts';
import type { ViewInput } from './input.ts';
import { nodeViews } from './nodes.ts';
import { serviceViews } from './services.ts';

export function statusView(input: ViewInput): StatusView {
  const services = serviceViews(input);
  const nodes = nodeViews(input, services);
  const settling = settlingOf(input, nodes, services);
  return {
    revision: input.fleet.revision,
    revisionAt: instant(input.fleetAt),
    worldHash: input.world.hash(),
    at: instant(input.now),
    settled: settling.length === 0,
    settling,
    nodes,
    services,
    actions: Object.fromEntries(ACTION_STATES.map((state) => [state, input.counts[state] ?? 0])) as Record<
      ActionState,
      number
    >,
    pending: input.actions
      .filter(({ state }) => state === 'pending' || state === 'approved' || state === 'running')
      .map((action) => actionView(input, action)),
    waiting: [...input.waiting],
    problems: [...input.problems],
  };
}

/**
 * What is still to come by itself: nodes that have not spoken, services that are unknown or progressing (those that nobody
 * monitors or that are only observed aside), and actions that no person is asked about.
 */
export function settlingOf(input: ViewInput, nodes: readonly NodeView[], services: readonly ServiceView[]): string[] {
  const left: string[] = [];
  const quiet = new Set<string>();
  for (const node of nodes) {
    if (node.state === 'unseen') left.push(`${node.name} has not spoken yet`);
    if (node.state === 'unseen' || node.state === 'no_provider') quiet.add(node.name);
    else if (!input.links(node.name).caughtUp && node.state === 'connected') left.push(`${node.name} is catching up`);
  }
  for (const { node, name, health, monitor, observed, desired, held } of services) {
    if (quiet.has(node) || !monitor || observed || !desired || held !== undefined) continue;
    if (health === 'unknown') left.push(`${node}/${name} is not known yet`);
    if (health === 'progressing') left.push(`${node}/${name} is starting`);
  }
  for (const action of input.actions) {
    const moving =
      action.state === 'running' || (action.state === 'approved' && action.approval?.notBefore === undefined);
    if (moving || (action.state === 'pending' && input.auto.has(action.id)))
      left.push(`${action.id} is ${action.state}`);
  }
  if (input.busy && left.length === 0) left.push('what just happened is being planned');
  return left;
}
