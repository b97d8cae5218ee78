/**
 * The files of a fleet → the immutable fleet. Pure: same files, same fleet; no I/O, no clock.
 *
 * INVARIANTS: everything that comes out is frozen; equal policies, definitions and bundles are one object. Every problem of every
 * file is found in one run; there is a fleet only where none of them is an error.
 */
import type { DesiredService, Fleet, FleetNode, Settings, Trace } from '@lab/sdk/model/fleet';
import type { ServiceKey } from '@lab/sdk/model/name';
import { LabelIndex } from '../targeting/index.ts';
import type { TargetResource } from '../targeting/resource.ts';
import { attachedServices, attachedValues, readAttachments } from './attachments.ts';
import { checkCompose } from './compose.ts';
import { checkPublished, compileIngress, exposureOf } from './exposure.ts';
import type { CompileOptions, FleetFiles } from './files.ts';
import { checkFolders } from './folders.ts';
import { compilePolicies, type PolicyInForce } from './policies.ts';
import { formatProblem, type Problem, Problems } from './problem.ts';
import { Renderer } from './render.ts';
import { compileServices, type ServiceDraft } from './services.ts';
import { heartbeatMs, readSettings } from './settings.ts';
import { compileTopology, type NodeDraft, type Nodes } from './topology.ts';

export interface Compiled {
  /** Present where no problem is an error. */
  readonly fleet?: Fleet;
  readonly problems: readonly Problem[];
}

export function compile(
  files: FleetFiles,
  options: CompileOptions = {},
  problems: Problems = new Problems(),
): Compiled {
  const { settings, lines } = readSettings(files.lab?.document, problems);
  const nodes = compileTopology(files, options, problems);
  for (const [, folder] of files.folders)
    if (folder.compose !== undefined) checkCompose(folder.compose, 'whole', problems);
  for (const [, override] of files.overrides)
    if (override.compose !== undefined) checkCompose(override.compose, 'override', problems);
  if (nodes === undefined) return { problems: problems.sorted() };

  const nodeResources = [...nodes.nodes.values()].map(nodeResource);
  const attachments = readAttachments(files, nodes, problems);
  const attached = attachedServices(attachments, new LabelIndex(nodeResources, nodes.groups), problems);
  const drafts = compileServices(files, nodes, attached, problems);
  checkFolders(files, drafts, problems);
  const ingress = compileIngress(files, nodes, drafts, problems);
  checkPublished(files, drafts, problems);

  const resources = [...nodeResources, ...[...drafts.values()].map(serviceResource)];
  const index = new LabelIndex(resources, nodes.groups);
  const values = attachedValues(attachments, index, problems);
  const policyAt = compilePolicies(files, nodes, index, settings, problems);
  const memberships = membershipsOf(nodes, index);

  const fleetNodes = new Map<string, FleetNode>();
  let position = 0;
  for (const draft of nodes.nodes.values()) {
    const groups = memberships.traces[position] ?? [];
    fleetNodes.set(draft.name, nodeOf(draft, policyAt(position++), groups, settings, nodes.nodes.size));
  }
  const renderer = new Renderer(files, problems);
  const services = new Map<ServiceKey, DesiredService>();
  for (const draft of drafts.values()) {
    const { definition, bundle, size, traces } = renderer.render(draft, values.get(draft.key));
    const { policy, traces: policyTraces } = policyAt(position);
    const labels =
      Object.keys(draft.ownLabels).length === 0
        ? draft.node.labels
        : Object.freeze({ ...draft.node.labels, ...draft.ownLabels });
    services.set(
      draft.key,
      Object.freeze({
        key: draft.key,
        node: draft.node.name,
        name: draft.name,
        monitor: draft.entry.monitor ?? true,
        observed: draft.entry.observed ?? false,
        exposure: exposureOf(draft),
        size,
        dependsOn: definition.dependsOn,
        labels,
        definition,
        digest: bundle.digest,
        policy,
        verifyMs: verifyMs(settings, definition.process?.healthcheck),
        wave: draft.wave,
        through: Object.freeze([
          ...traces,
          ...draft.node.traces,
          ...policyTraces,
          ...(memberships.traces[position] ?? []),
        ]),
      }),
    );
    position++;
  }
  const found = problems.sorted();
  if (problems.failed) return { problems: found };
  const fleet: Fleet = Object.freeze({
    revision: files.revision,
    hub: nodes.hub,
    nodes: fleetNodes,
    services,
    servicesOf: servicesOf(nodes, services),
    groups: memberships.members,
    groupDefinitions: new Map(Object.entries(files.topology?.value.groups ?? {})),
    aliases: nodes.aliases,
    ingress,
    settings,
    settingsTable: lines,
    plugins: new Map(Object.entries(files.lab?.value.plugins ?? {})),
    bundles: renderer.bundles,
    warnings: Object.freeze(found.map((problem) => formatProblem(problem).split('\n', 1)[0] ?? '')),
  });
  return { fleet, problems: found };
}

function nodeResource(draft: NodeDraft): TargetResource {
  return Object.freeze({ kind: 'node', node: draft.name, service: null, labels: draft.targetLabels });
}

function serviceResource(draft: ServiceDraft): TargetResource {
  const own = Object.keys(draft.ownLabels).length > 0;
  const labels = own ? Object.freeze({ ...draft.node.targetLabels, ...draft.ownLabels }) : draft.node.targetLabels;
  return Object.freeze({ kind: 'service', node: draft.node.name, service: draft.name, labels });
}

function nodeOf(
  draft: NodeDraft,
  { policy, traces }: PolicyInForce,
  groups: readonly Trace[],
  settings: Settings,
  nodes: number,
): FleetNode {
  const { entry } = draft;
  const beat = heartbeatMs(settings, entry.link, nodes);
  return Object.freeze({
    name: draft.name,
    site: entry.site ?? null,
    address: entry.address ?? null,
    aliases: draft.aliases,
    arch: entry.arch ?? null,
    link: entry.link,
    provider: entry.provider,
    runtime: entry.runtime,
    roles: draft.roles,
    labels: draft.labels,
    policy,
    heartbeatMs: beat,
    silenceMs: beat * settings.silenceHeartbeats,
    through: Object.freeze([...draft.traces, ...traces, ...groups]),
  });
}

/** The members of each group, and for each position of the index the traces of the groups it is in. */
function membershipsOf(
  nodes: Nodes,
  index: LabelIndex,
): { members: ReadonlyMap<string, ReadonlySet<string>>; traces: readonly (readonly Trace[] | undefined)[] } {
  const members = new Map<string, ReadonlySet<string>>();
  const traces: Trace[][] = [];
  for (const group of nodes.groups.keys()) {
    const names = new Set<string>();
    const trace = Object.freeze({
      what: 'group',
      value: group,
      at: nodes.document.at(['groups', group]),
      by: `group:${group}`,
    });
    const selection = index.select({ kind: 'group', name: group });
    for (const { node, service } of selection) names.add(service === null ? node : `${node}/${service}`);
    const ids = selection.ids();
    for (let at = 0; at < ids.length; at++) {
      const position = ids[at] ?? 0;
      const here = traces[position] ?? [];
      here.push(trace);
      traces[position] = here;
    }
    members.set(group, names);
  }
  return { members, traces };
}

function servicesOf(
  nodes: Nodes,
  services: ReadonlyMap<ServiceKey, DesiredService>,
): ReadonlyMap<string, readonly ServiceKey[]> {
  const byNode = new Map<string, DesiredService[]>([...nodes.nodes.keys()].map((name) => [name, []]));
  for (const service of services.values()) byNode.get(service.node)?.push(service);
  const inOrder = (a: DesiredService, b: DesiredService): number => a.wave - b.wave || (a.name < b.name ? -1 : 1);
  return new Map([...byNode].map(([name, all]) => [name, Object.freeze(all.sort(inOrder).map(({ key }) => key))]));
}

function verifyMs(
  settings: Settings,
  check:
    | { readonly startPeriod: number; readonly retries: number; readonly interval: number; readonly timeout: number }
    | undefined,
): number {
  if (check === undefined) return settings.verifyMs;
  return Math.max(settings.verifyMs, (check.startPeriod + check.retries * (check.interval + check.timeout)) * 1_000);
}
