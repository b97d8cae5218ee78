/** A node as people see it: four pillars, each `unknown` until something has reported it. */
import {
  type FleetNode,
  instant,
  type LinkRow,
  type MaintenanceRow,
  type NodeRow,
  type NodeView,
  type Pillar,
  type ServiceView,
} from '@lab/sdk';
import type { ViewInput } from './input.ts';
import { isDown } from './services.ts';

const UNKNOWN: Pillar = { state: 'unknown', text: 'unknown' };

export function nodeViews(input: ViewInput, services: readonly ServiceView[]): NodeView[] {
  const byNode = new Map<string, ServiceView[]>();
  for (const service of services) {
    const list = byNode.get(service.node);
    if (list === undefined) byNode.set(service.node, [service]);
    else list.push(service);
  }
  return [...input.fleet.nodes.values()]
    .map((node) => nodeView(input, node, byNode.get(node.name) ?? []))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

export function nodeView(input: ViewInput, node: FleetNode, services: readonly ServiceView[]): NodeView {
  const link = input.links(node.name);
  const state = stateOf(input, node);
  const maintenance = maintenanceOf(input, node.name);
  return {
    name: node.name,
    roles: [...node.roles],
    site: node.site,
    address: node.address,
    arch: node.arch,
    link: node.link,
    provider: node.provider,
    runtime: node.runtime,
    labels: { ...node.labels },
    state,
    lastWordAt: link.lastHeardAt === null ? null : instant(link.lastHeardAt),
    generation: input.generation(node.name),
    services: services.filter((service) => service.desired).length,
    sync: syncOf(state, services),
    config: UNKNOWN,
    health: healthOfNode(state, services),
    identity: UNKNOWN,
    ...(maintenance === undefined ? {} : { maintenance }),
  };
}

function stateOf(input: ViewInput, node: FleetNode): NodeView['state'] {
  if (node.provider !== 'edge') return 'no_provider';
  if (input.world.rows<LinkRow>('health', 'link').get(node.name)?.silent === true) return 'silent';
  if (!input.world.rows<NodeRow>('control', 'node').has(node.name)) return 'unseen';
  return input.links(node.name).connected ? 'connected' : 'unseen';
}

function syncOf(state: NodeView['state'], services: readonly ServiceView[]): Pillar {
  if (state === 'unseen' || state === 'no_provider') return UNKNOWN;
  const behind = services.filter(
    ({ digest, held, observed }) =>
      !observed && held === undefined && (digest.desired !== digest.approved || digest.running !== digest.approved),
  ).length;
  if (state === 'silent') return { state: 'stale', text: behind === 0 ? 'was in sync' : `was ${behind} behind` };
  return behind === 0 ? { state: 'ok', text: 'in sync' } : { state: 'wait', text: `${behind} behind` };
}

function healthOfNode(state: NodeView['state'], services: readonly ServiceView[]): Pillar {
  if (state === 'unseen' || state === 'no_provider') return UNKNOWN;
  const counted = services.filter(({ desired, monitor, observed }) => desired && monitor && !observed);
  if (state === 'silent') {
    const bad = counted.filter(({ was }) => was !== undefined && was !== 'healthy').length;
    return { state: 'stale', text: bad === 0 ? 'was healthy' : `was ${bad} of ${counted.length} down` };
  }
  const down = counted.filter(isDown).length;
  if (down > 0) return { state: 'bad', text: `${down} of ${counted.length} down` };
  const starting = counted.filter(
    ({ health, held }) => held === undefined && (health === 'progressing' || health === 'unknown'),
  ).length;
  if (starting > 0) return { state: 'wait', text: `${starting} starting` };
  const held = counted.filter((service) => service.held !== undefined).length;
  if (held > 0) return { state: 'wait', text: `${held} held` };
  return { state: 'ok', text: counted.length === 0 ? 'nothing to run' : 'healthy' };
}

function maintenanceOf(input: ViewInput, node: string): NodeView['maintenance'] {
  const rows = [...input.world.rows<MaintenanceRow>('control', 'maintenance').values()];
  const row = rows.find(({ until, query }) => Date.parse(until) > input.now && input.matchesNode(query, node));
  return row === undefined ? undefined : { until: row.until, reason: row.reason, by: row.by };
}
