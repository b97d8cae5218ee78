/**
 * What a service is on its node: its environment and labels merged (profile < attachments < services.yaml < repo override; the
 * `env` of its process definition below all of them), its definition, and the bundle with its digest.
 *
 * Equal definitions and bundles are one object, however many nodes have them.
 */
import { canonicalJson } from '@lab/sdk/canonical';
import { type Bundle, type BundleFile, bundleDigest, type Definition } from '@lab/sdk/model/bundle';
import type { Trace } from '@lab/sdk/model/fleet';
import type { AttachedValue } from './attachments.ts';
import { environmentOf } from './compose.ts';
import type { Document, Path } from './document.ts';
import type { FleetFiles, ServiceFolder } from './files.ts';
import type { Problems } from './problem.ts';
import { declaration, type ServiceDraft } from './services.ts';

type Attached = ReadonlyMap<string, AttachedValue> | undefined;

export interface Rendered {
  readonly definition: Definition;
  readonly bundle: Bundle;
  readonly size: string | null;
  readonly traces: readonly Trace[];
}

/** Values by key, the last one that is set wins, each with where it came from. */
class Layers {
  readonly #kind: string;
  readonly #values = new Map<string, Trace>();

  constructor(kind: string) {
    this.#kind = kind;
  }

  set(key: string, value: string, at: string, by: string): void {
    const what = `${this.#kind}.${key}`;
    this.#values.set(key, Object.freeze({ what, value, at, by }));
  }

  read(
    document: Document,
    path: Path,
    from: Readonly<Record<string, string | number | boolean>> | undefined,
    by: string,
  ): void {
    for (const [key, raw] of Object.entries(from ?? {})) {
      const at = [...path, key];
      this.set(key, document.text(at, raw), document.at(at), by);
    }
  }

  attach(attached: Attached): void {
    const prefix = `${this.#kind}.`;
    for (const [what, { value, at, by }] of attached ?? []) {
      if (what.startsWith(prefix)) this.set(what.slice(prefix.length), value, at, by);
    }
  }

  get traces(): readonly Trace[] {
    return [...this.#values.values()];
  }

  get values(): Readonly<Record<string, string>> {
    return Object.freeze(Object.fromEntries([...this.#values].map(([key, { value }]) => [key, value])));
  }
}

export class Renderer {
  readonly #files: FleetFiles;
  readonly #problems: Problems;
  readonly #made = new Map<string, { definition: Definition; bundle: Bundle }>();
  readonly bundles = new Map<string, Bundle>();

  constructor(files: FleetFiles, problems: Problems) {
    this.#files = files;
    this.#problems = problems;
  }

  render(draft: ServiceDraft, attached: Attached): Rendered {
    const folder = this.#files.folders.get(draft.name);
    const runtime = draft.node.entry.runtime;
    const { size, sizeTraces } = this.#size(draft, attached);
    const env = new Layers('env');
    const labels = new Layers('label');
    const written = folder?.service;
    if (runtime === 'process' && written !== undefined) {
      env.read(written.document, ['process', 'env'], written.value.process?.env, `service ${draft.name}`);
    }
    this.#profile(draft, size, env);
    env.attach(attached);
    for (const [what, { value, at, by }] of attached ?? []) {
      if (what.startsWith('labels.')) labels.set(what.slice('labels.'.length), value, at, by);
    }
    for (const { document, path, entry, by } of draft.sources) {
      env.read(document, [...path, 'env'], entry.env, by);
      labels.read(document, [...path, 'labels'], entry.labels, by);
    }
    const override = this.#files.overrides.get(draft.key);
    if (override?.compose !== undefined) {
      for (const [key, { value, at }] of environmentOf(override.compose, draft.name))
        env.set(key, value, at, 'repo override');
    }
    const process = runtime === 'process' ? written?.value.process : undefined;
    const definition: Definition = {
      runtime,
      env: env.values,
      labels: labels.values,
      dependsOn: [...(draft.entry.depends_on ?? [])],
      update: draft.entry.update ?? 'replace',
      // Its env is in the merged one.
      ...(process === undefined ? {} : { process: { ...process, env: {} } }),
    };
    const traces = [...sizeTraces, ...env.traces, ...labels.traces, ...listed(attached)];
    return { ...this.#intern(draft.name, folder, override?.file, definition), size, traces };
  }

  #size(draft: ServiceDraft, attached: Attached): { size: string | null; sizeTraces: readonly Trace[] } {
    const own = draft.sources.findLast(({ entry }) => entry.size !== undefined);
    const given = attached?.get('size');
    const value = own?.entry.size ?? given?.value;
    if (value === undefined) return { size: null, sizeTraces: [] };
    const at = own === undefined ? (given?.at ?? '') : own.document.at([...own.path, 'size']);
    const known = Object.keys(this.#files.profiles?.value.profiles ?? {});
    if (!known.includes(value) && this.#files.profiles !== undefined) {
      this.#problems.unknown(own === undefined ? placeOf(at) : declaration(draft, 'size'), 'size', value, known);
    }
    return { size: value, sizeTraces: [Object.freeze({ what: 'size', value, at, by: own?.by ?? given?.by ?? '' })] };
  }

  #profile(draft: ServiceDraft, size: string | null, env: Layers): void {
    const profiles = this.#files.profiles;
    if (size === null || profiles === undefined) return;
    const mappings = new Map(Object.entries(profiles.value.profiles ?? {})).get(size) ?? {};
    const { provider, runtime } = draft.node.entry;
    for (const way of [runtime, provider]) {
      const mapping = Object.hasOwn(mappings, way) ? mappings[way] : undefined;
      env.read(profiles.document, ['profiles', size, way, 'env'], mapping?.env, `size ${size}`);
    }
  }

  #intern(
    service: string,
    folder: ServiceFolder | undefined,
    override: BundleFile | undefined,
    definition: Definition,
  ): { definition: Definition; bundle: Bundle } {
    const id = `${service}\n${override?.sha256 ?? ''}\n${canonicalJson(definition)}`;
    let made = this.#made.get(id);
    if (made === undefined) {
      const files = override === undefined ? [...(folder?.files ?? [])] : [...(folder?.files ?? []), override];
      const digest = bundleDigest(files, definition);
      const frozen = deepFreeze(definition);
      made = { definition: frozen, bundle: Object.freeze({ digest, service, files, definition: frozen }) };
      Object.freeze(files);
      this.#made.set(id, made);
      this.bundles.set(digest, made.bundle);
    }
    return made;
  }
}

function listed(attached: Attached): Trace[] {
  const traces: Trace[] = [];
  for (const [what, { value, at, by }] of attached ?? []) {
    if (what.includes('[')) traces.push(Object.freeze({ what: what.slice(0, what.indexOf('[')), value, at, by }));
  }
  return traces;
}

function placeOf(at: string): { file: string; line: number; column: number } {
  const colon = at.lastIndexOf(':');
  return { file: at.slice(0, colon), line: Number(at.slice(colon + 1)) || 1, column: 1 };
}

function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === 'object' && !Object.isFrozen(value)) {
    for (const inner of Object.values(value)) deepFreeze(inner);
    Object.freeze(value);
  }
  return value;
}
