/** Visibility both ways: what a query selects of a compiled fleet, and what of the inventory applies to a selection. */
import type { Fleet, FleetNode, Trace } from '@lab/sdk/model/fleet';
import type { ServiceKey } from '@lab/sdk/model/name';
import { compileGroups, type Groups } from '../targeting/groups.ts';
import { LabelIndex } from '../targeting/index.ts';
import type { TargetResource } from '../targeting/resource.ts';
import { attributesOf } from './topology.ts';

/** The groups of a fleet, for queries that name them. */
export function groupsOf(fleet: Fleet): Groups {
  return compileGroups(fleet.groupDefinitions ?? new Map());
}

/** Everything that can be targeted: the nodes, then the services. */
export function targetResources(fleet: Fleet): TargetResource[] {
  const resources: TargetResource[] = [];
  const attributes = new Map<string, Readonly<Record<string, string>>>();
  for (const node of fleet.nodes.values()) {
    attributes.set(node.name, targetAttributes(node));
    const labels = { ...node.labels, ...targetAttributes(node) };
    resources.push({ kind: 'node', node: node.name, service: null, labels });
  }
  for (const service of fleet.services.values()) {
    const labels = { ...service.labels, ...attributes.get(service.node) };
    resources.push({ kind: 'service', node: service.node, service: service.name, labels });
  }
  return resources;
}

/** Made once for a fleet: it answers every query without looking at each resource. */
export function targetIndex(fleet: Fleet): LabelIndex {
  return new LabelIndex(targetResources(fleet), groupsOf(fleet));
}

export interface Selected {
  readonly nodes: Iterable<string>;
  readonly services: Iterable<ServiceKey>;
}

/** What of the inventory applies to any of them: sites' labels, policies, attachments, groups; each place once, in order of place. */
export function affectedBy(fleet: Fleet, selected: Selected): { readonly what: string; readonly at: string }[] {
  const found = new Map<string, { what: string; at: string }>();
  const seen = new Set<Trace>();
  const add = (through: readonly Trace[] = []): void => {
    for (const trace of through) {
      if (seen.has(trace)) continue;
      seen.add(trace);
      const what = `${trace.what} by ${trace.by}`;
      found.set(`${trace.at} ${what}`, { what, at: trace.at });
    }
  };
  for (const name of selected.nodes) add(fleet.nodes.get(name)?.through);
  for (const key of selected.services) add(fleet.services.get(key)?.through);
  return [...found.values()].sort((a, b) => byPlace(a.at, b.at) || (a.what < b.what ? -1 : 1));
}

function targetAttributes(node: FleetNode): Record<string, string> {
  return attributesOf(node);
}

/** Files by name, lines by number. */
function byPlace(a: string, b: string): number {
  const [fileA = '', lineA = ''] = split(a);
  const [fileB = '', lineB = ''] = split(b);
  return fileA < fileB ? -1 : fileA > fileB ? 1 : Number(lineA) - Number(lineB);
}

function split(at: string): [string, string] {
  const colon = at.lastIndexOf(':');
  return [at.slice(0, colon), at.slice(colon + 1)];
}
