/**
 * inventory/attachments.yaml: what each attachment brings to which node and service.
 *
 * Two attachments that set one key of one service differently are an error that names both.
 */
import type { ServiceKey } from '@lab/sdk/model/name';
import type { LabelIndex } from '../targeting/index.ts';
import type { Query } from '../targeting/query.ts';
import type { TargetResource } from '../targeting/resource.ts';
import type { Document, Path } from './document.ts';
import type { FleetFiles } from './files.ts';
import { type Problems, quoted } from './problem.ts';
import type { AttachmentsFile } from './schema.ts';
import type { AttachedServices, EntrySource } from './services.ts';
import { readTarget } from './target.ts';
import { checkLabels, type Nodes } from './topology.ts';

type Written = NonNullable<AttachmentsFile['attachments']>[number];

export interface Attachment {
  readonly document: Document;
  readonly path: Path;
  readonly written: Written;
  readonly query: Query;
}

/** One key that attachments set on one service, such as `env.TZ`. */
export interface AttachedValue {
  readonly value: string;
  readonly at: string;
  readonly by: string;
}

export function readAttachments(files: FleetFiles, nodes: Nodes, problems: Problems): readonly Attachment[] {
  if (files.attachments === undefined) return [];
  const { document, value } = files.attachments;
  const read: Attachment[] = [];
  for (const [index, written] of (value.attachments ?? []).entries()) {
    const path = ['attachments', index];
    if (written.labels !== undefined) checkLabels(document, [...path, 'labels'], written.labels, problems);
    const query = readTarget(document, [...path, 'target'], written.target, nodes.groups, problems);
    if (query !== undefined) read.push({ document, path, written, query });
  }
  return read;
}

/** The services that attachments bring to nodes. `index` holds nodes only: nothing else is known yet. */
export function attachedServices(
  attachments: readonly Attachment[],
  index: LabelIndex,
  problems: Problems,
): AttachedServices {
  const found = new Map<string, Map<string, EntrySource[]>>();
  for (const { document, path, written, query } of attachments) {
    if (written.services === undefined) continue;
    const sources = Object.entries(written.services).map(([name, entry]): [string, EntrySource] => [
      name,
      { document, path: [...path, 'services', name], entry, by: written.target },
    ]);
    for (const { node } of index.select(query)) {
      const here = found.get(node) ?? new Map<string, EntrySource[]>();
      found.set(node, here);
      for (const [name, source] of sources) {
        const before = here.get(name) ?? [];
        for (const other of before) compareEntries(node, name, other, source, problems);
        here.set(name, [...before, source]);
      }
    }
  }
  return found;
}

function compareEntries(node: string, name: string, a: EntrySource, b: EntrySource, problems: Problems): void {
  for (const [key, value] of Object.entries(b.entry)) {
    if (key === 'env' || key === 'labels' || !Object.hasOwn(a.entry, key)) continue;
    const other = (a.entry as Record<string, unknown>)[key];
    if (JSON.stringify(other) !== JSON.stringify(value)) {
      const text = `${key} of ${node}/${name} is set to ${JSON.stringify(value)} here and to ${JSON.stringify(other)} at ${a.document.at([...a.path, key])}`;
      problems.error(b.document.place([...b.path, key]), text);
    }
  }
}

export type AttachedTo = ReadonlyMap<ServiceKey, ReadonlyMap<string, AttachedValue>>;

/** What attachments set on each service: `env.X`, `labels.X`, `size`, `secrets`, `alerts`. */
export function attachedValues(attachments: readonly Attachment[], index: LabelIndex, problems: Problems): AttachedTo {
  const found = new Map<ServiceKey, Map<string, AttachedValue>>();
  for (const attachment of attachments) {
    const values = valuesOf(attachment);
    if (values.length === 0) continue;
    for (const resource of index.select(attachment.query)) {
      if (resource.service !== null) setAll(found, resource, values, attachment, problems);
    }
  }
  return found;
}

function setAll(
  found: Map<ServiceKey, Map<string, AttachedValue>>,
  resource: TargetResource,
  values: readonly (readonly [string, Path, AttachedValue])[],
  { document }: Attachment,
  problems: Problems,
): void {
  const key: ServiceKey = `${resource.node}/${resource.service}`;
  const here = found.get(key) ?? new Map<string, AttachedValue>();
  found.set(key, here);
  for (const [what, path, value] of values) {
    const before = here.get(what);
    // Secrets and alerts add up; each other key has one value.
    if (before !== undefined && before.value !== value.value && !what.includes('[')) {
      const text = `${what} of ${key} is set to ${quoted(value.value)} here and to ${quoted(before.value)} at ${before.at}`;
      problems.error(document.place(path), text, `${before.at} applies by ${before.by}, this one by ${value.by}`);
    }
    here.set(what, value);
  }
}

function valuesOf({ document, path, written }: Attachment): (readonly [string, Path, AttachedValue])[] {
  const values: (readonly [string, Path, AttachedValue])[] = [];
  const add = (what: string, inner: Path, value: string): void => {
    const whole = [...path, ...inner];
    values.push([what, whole, Object.freeze({ value, at: document.at(whole), by: written.target })]);
  };
  for (const kind of ['env', 'labels'] as const) {
    for (const [key, raw] of Object.entries(written[kind] ?? {})) {
      add(`${kind}.${key}`, [kind, key], document.text([...path, kind, key], raw));
    }
  }
  if (written.size !== undefined) add('size', ['size'], written.size);
  for (const [index, secret] of (written.secrets ?? []).entries())
    add(`secrets[${secret}]`, ['secrets', index], secret);
  for (const [index, alert] of (written.alerts ?? []).entries()) {
    add(`alerts[${path[1]}.${index}]`, ['alerts', index], JSON.stringify(alert));
  }
  return values;
}
