/** Gathers what views are computed from, at one moment. */
import type { ViewInput } from '@lab/api/views/input';
import type { ActionStore } from '@lab/kernel/actions/store';
import { groupsOf, targetResources } from '@lab/kernel/inventory/explain';
import type { World } from '@lab/kernel/observer/world';
import { matches } from '@lab/kernel/targeting/evaluate';
import { parseQuery } from '@lab/kernel/targeting/query';
import type { Clock, StatedAction, Why } from '@lab/sdk';
import type { ControlLoop } from './control-loop.ts';
import type { Desk } from './desk.ts';
import type { FleetInForce } from './fleet-in-force.ts';
import type { LinkEnd } from './link-end.ts';

/** Ended actions that views look at. */
const RECENT = 200;

export interface Gathered {
  readonly fleet: FleetInForce;
  readonly world: World;
  readonly link: LinkEnd;
  readonly desk: Desk;
  readonly store: ActionStore;
  readonly loop: ControlLoop;
  readonly clock: Clock;
}

export function viewInput({ fleet: inForce, world, link, desk, store, loop, clock }: Gathered): ViewInput {
  const { fleet } = inForce;
  const planned = new Map(loop.planned.changes.map((change) => [change.id, change]));
  return {
    fleet,
    fleetAt: inForce.at,
    world,
    links: (node) => link.view(node),
    generation: (node) => desk.generation(node),
    actions: [...store.open(), ...store.list(['completed', 'failed', 'rejected', 'cancelled'], RECENT)],
    counts: store.counts(),
    why: (action) => liveWhy(action, planned.get(action.id)?.why, loop),
    waiting: loop.planned.waiting.map(({ node, service, id, why }) => ({
      node,
      service,
      id,
      why: { ...why, evidence: [...why.evidence] },
    })),
    auto: new Set(loop.planned.changes.filter(({ mode }) => mode === 'auto').map(({ id }) => id)),
    busy: loop.busy,
    problems: loop.trouble === undefined ? inForce.problems : [...inForce.problems, loop.trouble],
    matchesNode: (query, node) => {
      try {
        const resource = targetResources(fleet).find((one) => one.kind === 'node' && one.node === node);
        return resource !== undefined && matches(parseQuery(query), resource, groupsOf(fleet));
      } catch {
        return false;
      }
    },
    now: clock.now(),
  };
}

/** For a pending one the plan's of now, with what it waits for; for an approved one what holds its grant up. */
function liveWhy(action: StatedAction, why: Why | undefined, loop: ControlLoop): Why | undefined {
  if (action.state === 'pending' && why !== undefined) return { ...why, waitsFor: 'approval' };
  const queued = loop.queuing.get(action.id);
  return action.state === 'approved' && queued !== undefined ? { ...action.why, ...queued } : undefined;
}
