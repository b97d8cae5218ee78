/**
 * No ghosts: rows of nodes and services that left the inventory go, unless something of theirs still runs, or is being done about it.
 *
 * It says `rows_pruned` once in each class, because an event reaches the rows of its own class only.
 */
import {
  type ActionRow,
  type ApprovedRow,
  EVENT_CLASSES,
  type Fact,
  type Fleet,
  type NodeRow,
  parseServiceKey,
  type ServiceKey,
  type ServiceRow,
  type WorldView,
} from '@lab/sdk';

export function ghosts(fleet: Fleet, world: WorldView): Fact[] {
  const services = world.rows<ServiceRow>('health', 'service');
  const approved = world.rows<ApprovedRow>('control', 'approved');
  const facts: Fact[] = [];
  const runningOn = new Set<string>();
  const left = new Set<string>();
  for (const [key, row] of services) {
    if (row.state !== 'removed') runningOn.add(row.node);
    else if (!fleet.services.has(key as ServiceKey)) left.add(key);
  }
  for (const key of approved.keys()) if (!fleet.services.has(key as ServiceKey) && !services.has(key)) left.add(key);
  for (const node of world.rows<NodeRow>('control', 'node').keys()) {
    if (!fleet.nodes.has(node) && !runningOn.has(node)) facts.push(...pruned(node, undefined));
  }
  const busy = new Set<string>();
  if (left.size > 0)
    for (const { state, change } of world.rows<ActionRow>('control', 'action').values())
      if (state === 'approved' || state === 'running') busy.add(`${change.node}/${change.service}`);
  for (const key of left) {
    const name = parseServiceKey(key);
    if (name !== undefined && fleet.nodes.has(name.node) && !busy.has(key))
      facts.push(...pruned(name.node, name.service));
  }
  return facts;
}

function pruned(node: string, service: string | undefined): Fact[] {
  return EVENT_CLASSES.map((cls) => ({
    type: 'rows_pruned',
    class: cls,
    data: { node, ...(service === undefined ? {} : { service }) },
  }));
}
