/**
 * A directory → the fleet, or everything that is wrong with it. Never throws for what is in the files.
 */
import type { BundleFile } from '@lab/sdk/model/bundle';
import { isName, type ServiceKey, serviceKey } from '@lab/sdk/model/name';
import type { z } from 'zod';
import { check } from './check.ts';
import { type Compiled, compile } from './compile.ts';
import { Document } from './document.ts';
import {
  COMPOSE_FILE,
  type CompileOptions,
  type FleetFiles,
  OVERRIDE_FILE,
  type Override,
  type Parsed,
  type ServiceFolder,
} from './files.ts';
import { Problems } from './problem.ts';
import { FleetReader } from './read.ts';
import { revisionOf } from './revision.ts';
import {
  attachmentsSchema,
  hostServicesSchema,
  ingressSchema,
  labSchema,
  policySchema,
  profilesSchema,
  serviceSchema,
  topologySchema,
} from './schema.ts';

export { formatProblem, formatProblems, type Problem, position } from './problem.ts';

const MB = 1024 ** 2;
const LARGEST_FILE = MB;
/** Ten thousand nodes stand in one file. */
const LARGEST_TOPOLOGY = 8 * MB;
const TOPOLOGY = 'inventory/topology.yaml';

export interface LoadOptions extends CompileOptions {}

export async function loadFleet(dir: string, options: LoadOptions = {}): Promise<Compiled> {
  const problems = new Problems();
  const reader = await FleetReader.open(dir, problems);
  if (reader === undefined) return { problems: problems.sorted() };
  const files = await readFiles(reader, problems);
  return compile({ ...files, revision: await revisionOf(dir, reader.contentHash) }, options, problems);
}

async function readFiles(reader: FleetReader, problems: Problems): Promise<Omit<FleetFiles, 'revision'>> {
  /** A file that is not there is as an empty one; one that is refused is undefined. */
  const optional = async <T>(path: string, schema: z.ZodType<T>): Promise<Parsed<T> | undefined> => {
    const parsed = await parse(reader, path, schema, problems);
    if (parsed !== 'absent') return parsed === 'refused' ? undefined : parsed;
    return { document: Document.of(path, {}), value: schema.parse({}), whole: true };
  };
  const topology = await parse(reader, TOPOLOGY, topologySchema, problems, LARGEST_TOPOLOGY);
  if (topology === 'absent') {
    problems.error(
      { file: TOPOLOGY, line: 1, column: 1 },
      'this file is missing: it names the nodes of the fleet; lab new writes one',
    );
  }
  const { hosts, overrides } = await readHosts(reader, problems);
  return {
    lab: await optional('lab.yaml', labSchema),
    topology: typeof topology === 'string' ? undefined : topology,
    policy: await optional('inventory/policy.yaml', policySchema),
    attachments: await optional('inventory/attachments.yaml', attachmentsSchema),
    ingress: await optional('inventory/ingress.yaml', ingressSchema),
    profiles: await optional('inventory/profiles.yaml', profilesSchema),
    hosts,
    overrides,
    folders: await readFolders(reader, problems),
  };
}

async function parse<T>(
  reader: FleetReader,
  path: string,
  schema: z.ZodType<T>,
  problems: Problems,
  limit = LARGEST_FILE,
): Promise<Parsed<T> | 'absent' | 'refused'> {
  const document = await readDocument(reader, path, problems, limit);
  if (document === 'absent' || document === 'refused') return document;
  return check(document, schema, problems) ?? 'refused';
}

async function readDocument(
  reader: FleetReader,
  path: string,
  problems: Problems,
  limit = LARGEST_FILE,
): Promise<Document | 'absent' | 'refused'> {
  const read = await reader.text(path, limit);
  if (read === 'absent' || read === 'refused') return read;
  return Document.parse(path, read.text, problems) ?? 'refused';
}

async function readHosts(reader: FleetReader, problems: Problems): Promise<Pick<FleetFiles, 'hosts' | 'overrides'>> {
  const hosts = new Map<string, FleetFiles['hosts'] extends ReadonlyMap<string, infer V> ? V : never>();
  const overrides = new Map<ServiceKey, Override>();
  for (const node of await reader.list('hosts', 'directory')) {
    const path = `hosts/${node}/services.yaml`;
    const parsed = await parse(reader, path, hostServicesSchema, problems);
    if (parsed === 'absent') hosts.set(node, { document: Document.of(path, {}), value: {}, whole: true });
    else hosts.set(node, parsed === 'refused' ? undefined : parsed);
    for (const service of await reader.list(`hosts/${node}/runtime`, 'directory')) {
      const override = await readOverride(reader, `hosts/${node}/runtime/${service}/${OVERRIDE_FILE}`, problems);
      if (override !== undefined) overrides.set(serviceKey(node, service), override);
    }
  }
  return { hosts, overrides };
}

async function readOverride(reader: FleetReader, path: string, problems: Problems): Promise<Override | undefined> {
  const compose = await readDocument(reader, path, problems);
  const file = await reader.file(path, OVERRIDE_FILE, LARGEST_FILE);
  if (file === 'absent' || file === 'refused') return undefined;
  return { file, compose: typeof compose === 'string' ? undefined : compose };
}

async function readFolders(reader: FleetReader, problems: Problems): Promise<ReadonlyMap<string, ServiceFolder>> {
  const folders = new Map<string, ServiceFolder>();
  for (const name of await reader.list('services', 'directory')) {
    const path = `services/${name}`;
    if (!isName(name)) {
      problems.error(
        { file: path, line: 1, column: 1 },
        `the folder ${path} has no valid name: a-z, 0-9 and -, at most 63 characters`,
      );
      continue;
    }
    const service = await parse(reader, `${path}/service.yaml`, serviceSchema, problems);
    const compose = await readDocument(reader, `${path}/${COMPOSE_FILE}`, problems);
    const files = await reader.folder(path, new Set(['service.yaml']));
    const read: readonly BundleFile[] = files === 'refused' ? [] : files;
    folders.set(name, {
      files: read,
      service: typeof service === 'string' ? undefined : service,
      compose: typeof compose === 'string' ? undefined : compose,
      broken: service === 'refused' || compose === 'refused' || files === 'refused',
    });
    if (read.some((file) => file.path === OVERRIDE_FILE)) {
      const text = `${OVERRIDE_FILE} belongs to a node: hosts/<node>/runtime/${name}/${OVERRIDE_FILE}`;
      problems.error({ file: `${path}/${OVERRIDE_FILE}`, line: 1, column: 1 }, text);
    }
  }
  return folders;
}
