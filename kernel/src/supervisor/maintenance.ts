/** Maintenance: what a person has asked to leave alone for a while, and which nodes and services that is. */
import { type Fleet, type FleetNode, type MaintenanceRow, serviceKey, type WorldView } from '@lab/sdk';
import { matches } from '../targeting/evaluate.ts';
import { Groups } from '../targeting/groups.ts';
import { parseQuery, type Query } from '../targeting/query.ts';
import type { TargetResource } from '../targeting/resource.ts';

export interface Maintenance {
  readonly row: MaintenanceRow;
  readonly query: Query;
}

const NO_GROUPS = new Groups();

/** Those that are not over, the one that ends last first. A query that cannot be read concerns nothing. */
export function activeMaintenance(world: WorldView, now: number): readonly Maintenance[] {
  const active: Maintenance[] = [];
  for (const row of world.rows<MaintenanceRow>('control', 'maintenance').values()) {
    if (!(Date.parse(row.until) > now)) continue;
    const query = read(row.query);
    if (query !== undefined) active.push({ row, query });
  }
  return active.sort((a, b) => Date.parse(b.row.until) - Date.parse(a.row.until) || (a.row.id < b.row.id ? -1 : 1));
}

/** The maintenance that a node (service null) or a service is in, the one that ends last. */
export function maintenanceOf(
  node: FleetNode,
  service: string | null,
  active: readonly Maintenance[],
  fleet: Fleet,
): MaintenanceRow | undefined {
  if (active.length === 0) return undefined;
  const resource = resourceOf(node, service, fleet);
  return active.find(({ query }) => selects(query, resource, fleet))?.row;
}

/** As the query language has it, but by the members of a group, which is what a compiled fleet knows of it. */
function selects(query: Query, resource: TargetResource, fleet: Fleet): boolean {
  switch (query.kind) {
    case 'group': {
      const { node, service } = resource;
      const key = service === null ? undefined : serviceKey(node, service);
      // A service that is not desired is in what its node is in.
      const member = key !== undefined && fleet.services.has(key) ? key : node;
      return fleet.groups.get(query.name)?.has(member) === true;
    }
    case 'not':
      return !selects(query.of, resource, fleet);
    case 'and':
      return query.of.every((part) => selects(part, resource, fleet));
    case 'or':
      return query.of.some((part) => selects(part, resource, fleet));
    default:
      return matches(query, resource, NO_GROUPS);
  }
}

function resourceOf(node: FleetNode, service: string | null, fleet: Fleet): TargetResource {
  const { name, site, arch, link, provider, runtime } = node;
  const inherent: Record<string, string> = { link, provider, runtime };
  if (site !== null) inherent.site = site;
  if (arch !== null) inherent.arch = arch;
  const own = service === null ? undefined : fleet.services.get(serviceKey(name, service))?.labels;
  return {
    kind: service === null ? 'node' : 'service',
    node: name,
    service,
    labels: { ...node.labels, ...own, ...inherent },
  };
}

function read(text: string): Query | undefined {
  try {
    return parseQuery(text);
  } catch {
    return undefined;
  }
}
