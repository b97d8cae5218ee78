/**
 * Who may reach a service: inventory/ingress.yaml and `exposure` must say the same, and a compose file may not publish what is
 * local. Public is never implied.
 */
import type { Exposure, IngressRule } from '@lab/sdk/model/fleet';
import { type ServiceKey, serviceKey } from '@lab/sdk/model/name';
import { publishedEverywhere } from './compose.ts';
import type { FleetFiles } from './files.ts';
import { type Problems, quoted } from './problem.ts';
import { declaration, type ServiceDraft } from './services.ts';
import type { Nodes } from './topology.ts';

type Drafts = ReadonlyMap<ServiceKey, ServiceDraft>;

export function exposureOf(draft: ServiceDraft): Exposure {
  return draft.entry.exposure ?? 'local-only';
}

export function compileIngress(
  files: FleetFiles,
  nodes: Nodes,
  drafts: Drafts,
  problems: Problems,
): readonly IngressRule[] {
  const rules: IngressRule[] = [];
  const exposed = new Set<ServiceKey>();
  const lines = new Map<string, number>();
  const { document, value } = files.ingress ?? {};
  for (const [index, { host, service, node, via }] of (value?.ingress ?? []).entries()) {
    if (document === undefined) break;
    const path = ['ingress', index];
    const before = lines.get(host);
    if (before !== undefined)
      problems.error(document.place([...path, 'host']), `host ${quoted(host)} is there twice (line ${before})`);
    lines.set(host, document.place([...path, 'host']).line);
    for (const [key, name] of Object.entries({ node, via })) {
      if (!nodes.nodes.has(name) && nodes.whole)
        problems.unknown(document.place([...path, key]), 'node', name, nodes.nodes.keys());
    }
    const key = serviceKey(node, service);
    const draft = drafts.get(key);
    exposed.add(key);
    // Where something in that file was wrong, it may have been the exposure.
    if (draft !== undefined && exposureOf(draft) !== 'public' && files.hosts.get(node)?.whole !== false) {
      const text = `${key} is ${exposureOf(draft)}, and has an entry here`;
      problems.error(
        document.place([...path, 'service']),
        text,
        `exposure: public at ${positionOf(draft)}, or no entry`,
      );
    } else if (draft === undefined && nodes.nodes.has(node) && isKnown(files, node)) {
      problems.unknown(document.place([...path, 'service']), `service on ${node}`, service, namesOn(drafts, node));
    }
    rules.push(Object.freeze({ host, service, node, via }));
  }
  // A file that could not be read has said so; what it would have exposed is not known.
  if (files.ingress !== undefined) checkPublic(drafts, exposed, problems);
  return Object.freeze(rules);
}

function checkPublic(drafts: Drafts, exposed: ReadonlySet<ServiceKey>, problems: Problems): void {
  for (const draft of drafts.values()) {
    if (exposureOf(draft) === 'public' && !exposed.has(draft.key)) {
      const text = `${draft.key} is public, and has no entry in inventory/ingress.yaml`;
      problems.error(
        declaration(draft, 'exposure'),
        text,
        'public is never implied: add the entry, or use another exposure',
      );
    }
  }
}

/** A local-only service that its compose file publishes to everyone: an error where everyone is the internet. */
export function checkPublished(files: FleetFiles, drafts: Drafts, problems: Problems): void {
  const facts = new Map<object, ReturnType<typeof publishedEverywhere>>();
  for (const draft of drafts.values()) {
    if (draft.entry.observed === true || exposureOf(draft) !== 'local-only') continue;
    for (const document of [files.folders.get(draft.name)?.compose, files.overrides.get(draft.key)?.compose]) {
      if (document === undefined) continue;
      const found = facts.get(document) ?? publishedEverywhere(document);
      facts.set(document, found);
      for (const { place, text } of found) {
        const message = `port ${quoted(text)} is published on all interfaces, and ${draft.key} is local-only`;
        const hint = 'bind it to an address such as 127.0.0.1:';
        if (draft.node.entry.link === 'vps') problems.error(place, message, hint);
        else problems.warning(place, message, hint);
      }
    }
  }
}

function isKnown(files: FleetFiles, node: string): boolean {
  return !files.hosts.has(node) || files.hosts.get(node) !== undefined;
}

function* namesOn(drafts: Drafts, node: string): Generator<string> {
  for (const draft of drafts.values()) if (draft.node.name === node) yield draft.name;
}

function positionOf(draft: ServiceDraft): string {
  const place = declaration(draft);
  return `${place.file}:${place.line}`;
}
