/**
 * inventory/topology.yaml → nodes with their labels, aliases, groups, and which of them is the hub.
 */
import { LabError } from '@lab/sdk/errors';
import type { Trace } from '@lab/sdk/model/fleet';
import { compileGroups, type GroupProblem, Groups } from '../targeting/groups.ts';
import type { Document, Path } from './document.ts';
import type { CompileOptions, FleetFiles } from './files.ts';
import { type Problems, quoted } from './problem.ts';
import type { NodeEntry } from './schema.ts';

/** Inherent in a node; targets see them as labels, so that no label may have their names. */
export const ATTRIBUTES = ['site', 'arch', 'link', 'provider', 'runtime'] as const;

export interface NodeDraft {
  readonly name: string;
  readonly entry: NodeEntry;
  readonly path: Path;
  readonly roles: readonly ('hub' | 'edge')[];
  readonly aliases: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** `labels`, and its attributes: what queries see. */
  readonly targetLabels: Readonly<Record<string, string>>;
  readonly traces: readonly Trace[];
}

export interface Nodes {
  readonly document: Document;
  /** False: there are more nodes, which are mistyped. */
  readonly whole: boolean;
  readonly nodes: ReadonlyMap<string, NodeDraft>;
  readonly hub: string;
  readonly aliases: ReadonlyMap<string, string>;
  readonly groups: Groups;
}

const PROVIDERS = ['edge', 'ssh', 'baremetal', 'portainer'] as const;

export function compileTopology(files: FleetFiles, options: CompileOptions, problems: Problems): Nodes | undefined {
  if (files.topology === undefined) return undefined;
  const { document, value, whole } = files.topology;
  const entries = Object.entries(value.nodes);
  if (entries.length === 0 && whole) problems.error(document.place(['nodes']), 'a fleet has at least one node');
  const providers = [...new Set([...PROVIDERS, ...(options.knownProviders ?? []), ...namedProviders(files)])];
  const hub = findHub(document, entries, whole, problems);
  const aliases = compileAliases(document, entries, options.aliasMap, problems);
  const nodes = new Map<string, NodeDraft>();
  for (const [name, written] of entries) {
    const path = ['nodes', name];
    const runtime = written.provider === 'edge' ? (options.runtime ?? written.runtime) : written.runtime;
    const entry = { ...written, runtime };
    if (!providers.includes(entry.provider)) {
      problems.unknown(document.place([...path, 'provider']), 'provider', entry.provider, providers);
    }
    const { labels, traces } = labelsOf(files.topology, name, entry, problems);
    const roles = Object.freeze(name === hub ? (['hub', 'edge'] as const) : (['edge'] as const));
    const targetLabels = Object.freeze({ ...labels, ...attributesOf(entry) });
    const own = Object.freeze([...entry.aliases]);
    nodes.set(name, Object.freeze({ name, entry, path, roles, aliases: own, labels, targetLabels, traces }));
  }
  return { document, whole, nodes, hub, aliases, groups: groupsOf(files.topology, problems) };
}

export function attributesOf(
  node: { readonly [K in (typeof ATTRIBUTES)[number]]?: string | null | undefined },
): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const key of ATTRIBUTES) {
    const value = node[key];
    if (value !== undefined && value !== null) labels[key] = value;
  }
  return labels;
}

/** Says so where a label has the name of an attribute. */
export function checkLabels(
  document: Document,
  path: Path,
  labels: Readonly<Record<string, unknown>>,
  problems: Problems,
): void {
  for (const key of Object.keys(labels)) {
    if (ATTRIBUTES.some((attribute) => attribute === key)) {
      problems.error(
        document.place([...path, key], 'key'),
        `${quoted(key)} is an attribute of the node, not a label`,
        'set it on the node itself',
      );
    }
  }
}

function namedProviders(files: FleetFiles): string[] {
  const ids = Object.keys(files.lab?.value.plugins ?? {});
  return ids.filter((id) => id.startsWith('provider.')).map((id) => id.slice('provider.'.length));
}

function findHub(
  document: Document,
  entries: readonly [string, NodeEntry][],
  whole: boolean,
  problems: Problems,
): string {
  const hubs = entries.filter(([, entry]) => entry.roles?.includes('hub')).map(([name]) => name);
  for (const extra of hubs.slice(1)) {
    problems.error(
      document.place(['nodes', extra, 'roles']),
      `a fleet has one hub, and ${hubs[0]} is it already`,
      'take hub away here',
    );
  }
  const [only] = entries.length === 1 && entries[0]?.[1].roles === undefined ? (entries[0] ?? []) : [];
  const hub = hubs[0] ?? only;
  if (hub === undefined && entries.length > 0 && whole) {
    problems.error(document.place(['nodes'], 'key'), 'no node is the hub', 'give one of them roles: [hub, edge]');
  }
  return hub ?? '';
}

function compileAliases(
  document: Document,
  entries: readonly [string, NodeEntry][],
  aliasMap: string | undefined,
  problems: Problems,
): ReadonlyMap<string, string> {
  const names = new Set(entries.map(([name]) => name));
  const aliases = new Map<string, string>();
  const lines = new Map<string, number>();
  for (const [name, entry] of entries) {
    for (const [index, alias] of entry.aliases.entries()) {
      const place = document.place(['nodes', name, 'aliases', index]);
      const holder = names.has(alias) ? alias : aliases.get(alias);
      if (holder !== undefined) {
        const line = lines.get(alias) ?? document.place(['nodes', holder]).line;
        problems.error(place, `alias ${quoted(alias)} is already the name of ${holder} (line ${line})`);
        continue;
      }
      aliases.set(alias, name);
      lines.set(alias, place.line);
    }
  }
  for (const [old, name] of parseAliasMap(aliasMap, problems)) {
    const place = { file: 'NODE_ALIAS_MAP', line: 1, column: 1 };
    if (names.has(old))
      problems.error(place, `${quoted(old)} is the name of a node of today, and cannot be an old one`);
    else if (!names.has(name)) problems.unknown(place, 'node', name, names, 'warning');
    else aliases.set(old, name);
  }
  return aliases;
}

function parseAliasMap(text: string | undefined, problems: Problems): [string, string][] {
  if (text === undefined || text.trim() === '') return [];
  try {
    const value: unknown = JSON.parse(text);
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
      const pairs = Object.entries(value);
      if (pairs.every((pair): pair is [string, string] => typeof pair[1] === 'string')) return pairs;
    }
  } catch {
    // Said below, as for everything else that is no object of names.
  }
  const place = { file: 'NODE_ALIAS_MAP', line: 1, column: 1 };
  problems.error(place, 'NODE_ALIAS_MAP must be a JSON object of names, such as {"node-1": "piha"}');
  return [];
}

function labelsOf(
  topology: NonNullable<FleetFiles['topology']>,
  name: string,
  entry: NodeEntry,
  problems: Problems,
): { labels: Readonly<Record<string, string>>; traces: readonly Trace[] } {
  const { document, value } = topology;
  const labels: Record<string, string> = {};
  const traces = new Map<string, Trace>();
  const add = (path: Path, from: Readonly<Record<string, string | number | boolean>>, by: string): void => {
    checkLabels(document, path, from, problems);
    for (const [key, raw] of Object.entries(from)) {
      const text = document.text([...path, key], raw);
      labels[key] = text;
      const what = `labels.${key}`;
      traces.set(what, Object.freeze({ what, value: text, at: document.at([...path, key]), by }));
    }
  };
  if (entry.site !== undefined) {
    const sites = new Map(Object.entries(value.sites ?? {}));
    const site = sites.get(entry.site);
    if (site === undefined) problems.unknown(document.place(['nodes', name, 'site']), 'site', entry.site, sites.keys());
    else add(['sites', entry.site, 'labels'], site.labels, `site ${entry.site}`);
  }
  add(['nodes', name, 'labels'], entry.labels, `node ${name}`);
  return { labels: Object.freeze(labels), traces: Object.freeze([...traces.values()]) };
}

function groupsOf(topology: NonNullable<FleetFiles['topology']>, problems: Problems): Groups {
  const { document, value } = topology;
  try {
    return compileGroups(new Map(Object.entries(value.groups ?? {})));
  } catch (error) {
    const found = error instanceof LabError ? error.data?.problems : undefined;
    if (!Array.isArray(found)) throw error;
    for (const { group, field, index, column, message } of found as GroupProblem[]) {
      const path = ['groups', group, field, ...(index === undefined ? [] : [index])];
      const place = column === undefined ? document.place(path) : document.inside(path, column - 1);
      problems.error(place, `group ${group}: ${withoutExcerpt(message)}`, 'here');
    }
    return new Groups();
  }
}

/** A query's own excerpt is not repeated: the place in the file shows the same. */
function withoutExcerpt(message: string): string {
  return (message.split('\n', 1)[0] ?? message).replace(/^column \d+: /, '');
}
