/** What a target query selects of the fleet in force; the index is made once for a fleet. */
import { affectedBy, targetIndex } from '@lab/kernel/inventory/explain';
import { parseQuery } from '@lab/kernel/targeting/query';
import { type Fleet, type ServiceKey, serviceKey } from '@lab/sdk';
import type { Targets } from './plane.ts';

export function fleetTargets(fleet: () => Fleet): Targets {
  let made: { readonly fleet: Fleet; readonly index: ReturnType<typeof targetIndex> } | undefined;
  const index = () => {
    if (made?.fleet !== fleet()) made = { fleet: fleet(), index: targetIndex(fleet()) };
    return made.index;
  };
  const select: Targets['select'] = (query) => {
    const nodes = new Set<string>();
    const services = new Set<ServiceKey>();
    for (const resource of index().select(parseQuery(query))) {
      if (resource.service === null) nodes.add(resource.node);
      else services.add(serviceKey(resource.node, resource.service));
    }
    return { nodes, services };
  };
  return { select, affectedBy: (query) => [...affectedBy(fleet(), select(query))] };
}
