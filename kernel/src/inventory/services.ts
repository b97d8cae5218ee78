/**
 * hosts/<node>/services.yaml, and the services that attachments bring to nodes → which services each node has, with their
 * entries merged, their order and their waves.
 */
import { type ServiceKey, serviceKey } from '@lab/sdk/model/name';
import type { Document, Path } from './document.ts';
import type { FleetFiles } from './files.ts';
import { meant, type Place, type Problems, quoted } from './problem.ts';
import type { ServiceEntry } from './schema.ts';
import { checkLabels, type NodeDraft, type Nodes } from './topology.ts';

/** One place that says something of a service, weakest first in a draft. */
export interface EntrySource {
  readonly document: Document;
  readonly path: Path;
  readonly entry: ServiceEntry;
  /** `hosts/piha/services.yaml`, or the target of the attachment. */
  readonly by: string;
}

export interface ServiceDraft {
  readonly key: ServiceKey;
  readonly node: NodeDraft;
  readonly name: string;
  readonly sources: readonly EntrySource[];
  /** The sources merged by key; env and labels stay apart, because they are merged key by key. */
  readonly entry: Omit<ServiceEntry, 'env' | 'labels'>;
  /** Those of services.yaml only: what targets see of it, beside its node's. */
  readonly ownLabels: Readonly<Record<string, string>>;
  wave: number;
}

/** What an attachment brings to one node. */
export type AttachedServices = ReadonlyMap<string, ReadonlyMap<string, readonly EntrySource[]>>;

export function compileServices(
  files: FleetFiles,
  nodes: Nodes,
  attached: AttachedServices,
  problems: Problems,
): ReadonlyMap<ServiceKey, ServiceDraft> {
  for (const [name, host] of files.hosts) {
    if (nodes.nodes.has(name) || !nodes.whole) continue;
    const place: Place = host?.document.top() ?? { file: `hosts/${name}/services.yaml`, line: 1, column: 1 };
    problems.error(
      place,
      `there is no node ${quoted(name)} in inventory/topology.yaml${meant(name, nodes.nodes.keys())}`,
    );
  }
  const drafts = new Map<ServiceKey, ServiceDraft>();
  for (const node of nodes.nodes.values()) {
    const host = files.hosts.get(node.name);
    const own = new Map(Object.entries(host?.value.services ?? {}));
    const here = new Map<string, ServiceDraft>();
    const brought = attached.get(node.name);
    for (const name of new Set([...own.keys(), ...(brought?.keys() ?? [])])) {
      const entry = own.get(name);
      const sources: EntrySource[] = [...(brought?.get(name) ?? [])];
      let ownLabels: Readonly<Record<string, string>> = {};
      if (host !== undefined && entry !== undefined) {
        const source = { document: host.document, path: ['services', name], entry, by: host.document.file };
        ownLabels = labelsOf(source, problems);
        sources.push(source);
      }
      here.set(name, draftOf(node, name, sources, ownLabels));
    }
    placeInWaves(here, problems);
    for (const draft of here.values()) drafts.set(draft.key, draft);
  }
  checkActionIds(drafts, problems);
  return drafts;
}

/** Where a service is declared: its services.yaml where there is one. */
export function declaration(draft: ServiceDraft, ...path: Path): Place {
  const source = draft.sources.findLast(({ entry }) => path[0] === undefined || Object.hasOwn(entry, path[0]));
  const at = source ?? draft.sources.at(-1);
  return at === undefined
    ? { file: 'hosts', line: 1, column: 1 }
    : at.document.place([...at.path, ...path], path.length === 0 ? 'key' : 'value');
}

function labelsOf(source: EntrySource, problems: Problems): Readonly<Record<string, string>> {
  const written = source.entry.labels;
  if (written === undefined) return {};
  const path = [...source.path, 'labels'];
  checkLabels(source.document, path, written, problems);
  const labels: Record<string, string> = {};
  for (const [key, value] of Object.entries(written)) labels[key] = source.document.text([...path, key], value);
  return labels;
}

function draftOf(
  node: NodeDraft,
  name: string,
  sources: readonly EntrySource[],
  ownLabels: Readonly<Record<string, string>>,
): ServiceDraft {
  const entry = Object.assign({}, ...sources.map((source) => source.entry)) as ServiceEntry;
  return { key: serviceKey(node.name, name), node, name, sources, entry, ownLabels, wave: 0 };
}

/** DNS before brokers before all others, across the fleet; inside, what others need before them. */
const TIERS: readonly string[] = ['dns', 'broker'];
const TIER_STEP = 1_000;
const DEEPEST = 500;

function placeInWaves(drafts: ReadonlyMap<string, ServiceDraft>, problems: Problems): void {
  const depths = new Map<string, number>();
  const path: string[] = [];
  let tooDeep = false;
  const depthOf = (draft: ServiceDraft): number => {
    const known = depths.get(draft.name);
    if (known !== undefined) return known;
    const seen = path.indexOf(draft.name);
    if (seen >= 0) {
      const cycle = [...path.slice(seen), draft.name].join(' → ');
      problems.error(declaration(draft, 'depends_on'), `services depend on each other in a circle: ${cycle}`);
      return 0;
    }
    if (path.length >= DEEPEST) {
      tooDeep = true;
      return 0;
    }
    path.push(draft.name);
    let depth = 0;
    for (const [index, name] of (draft.entry.depends_on ?? []).entries()) {
      const other = drafts.get(name);
      if (other !== undefined) depth = Math.max(depth, depthOf(other) + 1);
      else {
        const place = declaration(draft, 'depends_on', index);
        problems.unknown(place, `service on ${draft.node.name}`, name, drafts.keys());
      }
    }
    path.pop();
    depths.set(draft.name, depth);
    return depth;
  };
  for (const draft of drafts.values()) {
    depthOf(draft);
    // What would also end the recursion below.
    if (tooDeep) {
      problems.error(declaration(draft, 'depends_on'), `services depend on each other over more than ${DEEPEST} steps`);
      return;
    }
  }
  const tiers = new Map<string, number>();
  const lower = (draft: ServiceDraft, tier: number): void => {
    if ((tiers.get(draft.name) ?? Number.POSITIVE_INFINITY) <= tier) return;
    tiers.set(draft.name, tier);
    // What a broker needs comes with the brokers.
    for (const name of draft.entry.depends_on ?? []) {
      const other = drafts.get(name);
      if (other !== undefined) lower(other, tier);
    }
  };
  for (const draft of drafts.values()) {
    const tier = TIERS.indexOf(draft.ownLabels.tier ?? '');
    lower(draft, tier < 0 ? TIERS.length : tier);
  }
  for (const draft of drafts.values()) draft.wave = (tiers.get(draft.name) ?? 0) * TIER_STEP + depthOf(draft);
}

/** `redeploy-a-b-c` could be of service c on a-b, or of b-c on a: two such pairs cannot live in one fleet. */
function checkActionIds(drafts: ReadonlyMap<ServiceKey, ServiceDraft>, problems: Problems): void {
  const taken = new Map<string, ServiceDraft>();
  for (const draft of drafts.values()) {
    const id = `${draft.node.name}-${draft.name}`;
    const other = taken.get(id);
    if (other === undefined) taken.set(id, draft);
    else {
      const text = `${draft.key} and ${other.key} would have the same action ids, such as redeploy-${id}`;
      problems.error(declaration(draft), text, 'rename one of the two services or nodes');
    }
  }
}
