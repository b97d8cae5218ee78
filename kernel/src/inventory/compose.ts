/**
 * What a compose file says that matters before it runs: published ports, devices, mounts, images. It is read as it is written;
 * what an engine would make of it (variables, extends) is not followed.
 */
import type { Document, Path } from './document.ts';
import type { Place, Problems } from './problem.ts';
import { quoted } from './problem.ts';

type Tree = Readonly<Record<string, unknown>>;

/** Each (name, definition, path) of the file's services. */
function* servicesOf(document: Document): Generator<[string, Tree, Path]> {
  const services = isTree(document.value) ? document.value.services : undefined;
  if (!isTree(services)) return;
  for (const [name, service] of Object.entries(services))
    if (isTree(service)) yield [name, service, ['services', name]];
}

/** What is wrong, or risky, wherever it runs. An override may lack a part that the first file must have. */
export function checkCompose(document: Document, kind: 'whole' | 'override', problems: Problems): void {
  if (!isTree(document.value) || (kind === 'whole' && !isTree(document.value.services))) {
    problems.error(document.top(), 'a compose file is a map with services in it');
    return;
  }
  if (Object.hasOwn(document.value, 'name')) {
    problems.warning(
      document.place(['name'], 'key'),
      'docker-compose v1 refuses a top-level name',
      'leave it out: lab names the project',
    );
  }
  for (const [name, service, path] of servicesOf(document)) {
    checkImage(document, service.image, [...path, 'image'], problems);
    for (const [at, text] of deviceTexts(service, path)) {
      if (text.includes('/dev/ttyUSB')) {
        problems.warning(
          document.place(at),
          'a /dev/ttyUSB path changes with the order of plugging in',
          'a network coordinator, or /dev/serial/by-id/…',
        );
      }
    }
    checkZigbee(document, name, service, path, problems);
  }
}

/** Places where a port is published on all interfaces. */
export function publishedEverywhere(document: Document): { readonly place: Place; readonly text: string }[] {
  const found: { place: Place; text: string }[] = [];
  for (const [, service, path] of servicesOf(document)) {
    for (const [index, port] of listOf(service.ports).entries()) {
      const text = everywhere(port);
      if (text !== undefined) found.push({ place: document.place([...path, 'ports', index]), text });
    }
  }
  return found;
}

/** The environment that an override sets on a service, as far as it is written out. */
export function environmentOf(
  document: Document,
  service: string,
): ReadonlyMap<string, { readonly value: string; readonly at: string }> {
  const found = new Map<string, { value: string; at: string }>();
  for (const [name, tree, path] of servicesOf(document)) {
    if (name !== service) continue;
    const written = tree.environment;
    const pairs: [string, unknown, Path][] = isTree(written)
      ? Object.entries(written).map(([key, value]) => [key, value, [...path, 'environment', key]])
      : listOf(written).map((line, index) => [...splitPair(line), [...path, 'environment', index]]);
    for (const [key, raw, at] of pairs) {
      const value = isScalar(raw) ? document.text(at, raw) : undefined;
      // What has a variable in it is filled in by compose, from the machine's own .env.
      if (value !== undefined && key !== '' && !value.includes('$')) found.set(key, { value, at: document.at(at) });
    }
  }
  return found;
}

const MOVABLE = new Set([
  'latest',
  'stable',
  'edge',
  'main',
  'master',
  'dev',
  'develop',
  'nightly',
  'beta',
  'rolling',
  'lts',
]);

function checkImage(document: Document, image: unknown, path: Path, problems: Problems): void {
  if (typeof image !== 'string' || image.includes('$') || image.includes('@sha256:')) return;
  const last = image.slice(image.lastIndexOf('/') + 1);
  const tag = last.includes(':') ? last.slice(last.indexOf(':') + 1) : undefined;
  if (tag !== undefined && !MOVABLE.has(tag)) return;
  const text =
    tag === undefined ? `image ${quoted(image)} has no tag, and so means latest` : `the tag ${quoted(tag)} can move`;
  problems.warning(document.place(path), text, 'name a version, so that a rollback finds the same image');
}

function deviceTexts(service: Tree, path: Path): [Path, string][] {
  const found: [Path, string][] = [];
  for (const key of ['devices', 'volumes']) {
    for (const [index, entry] of listOf(service[key]).entries()) {
      const text = typeof entry === 'string' ? entry : isTree(entry) ? String(entry.source ?? '') : '';
      found.push([[...path, key, index], text]);
    }
  }
  return found;
}

const ZIGBEE_DATA = '/app/data';

/** Zigbee2MQTT writes its configuration: read-only, it ends with EROFS. */
function checkZigbee(document: Document, name: string, service: Tree, path: Path, problems: Problems): void {
  const image = typeof service.image === 'string' ? service.image : '';
  if (name !== 'zigbee2mqtt' && !image.includes('zigbee2mqtt')) return;
  for (const [index, volume] of listOf(service.volumes).entries()) {
    if (readOnlyAt(volume, ZIGBEE_DATA)) {
      const text = 'zigbee2mqtt must be able to write its configuration; a read-only mount ends in EROFS';
      problems.error(document.place([...path, 'volumes', index]), text, 'mount it without ro');
    }
  }
}

function readOnlyAt(volume: unknown, target: string): boolean {
  if (isTree(volume)) return volume.read_only === true && String(volume.target ?? '').startsWith(target);
  if (typeof volume !== 'string') return false;
  const [, inside = '', options = ''] = volume.split(':');
  return inside.startsWith(target) && options.split(',').includes('ro');
}

/** How a port is written that is published on all interfaces, or undefined. */
function everywhere(port: unknown): string | undefined {
  if (isTree(port)) {
    const host = port.host_ip;
    return host === undefined || isAny(String(host)) ? String(port.published ?? port.target ?? '') : undefined;
  }
  if (typeof port === 'number') return String(port);
  if (typeof port !== 'string' || port.includes('${')) return undefined;
  const parts = /^(?:(\[[^\]]*\]|[^:[\]]*):)?([^:]*):([^:]*)$/.exec(port);
  const host = parts?.[1];
  return host === undefined || isAny(host.replace(/^\[|\]$/g, '')) ? port : undefined;
}

function isAny(host: string): boolean {
  return host === '' || host === '0.0.0.0' || host === '::' || host === '*';
}

function splitPair(line: unknown): [string, unknown] {
  if (typeof line !== 'string' || !line.includes('=')) return ['', undefined];
  return [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)];
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function isTree(value: unknown): value is Tree {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
