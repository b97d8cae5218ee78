/** Fleets and worlds as plain objects, for tests that need no YAML and no events. What is not said has the value of a quiet homelab. */
import {
  type DesiredService,
  type EffectivePolicy,
  type EventClass,
  type Fleet,
  type FleetNode,
  type LinkView,
  type ObservationRow,
  type ServiceKey,
  type ServiceRow,
  type Settings,
  type SourceState,
  serviceKey,
  type WorldView,
} from '@lab/sdk';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

export const SETTINGS: Settings = {
  heartbeatMs: { lan: 10_000, vps: 10_000, lte: MINUTE },
  silenceHeartbeats: 3,
  aloneAfterMs: { lan: MINUTE, vps: MINUTE, lte: 3 * MINUTE },
  verifyMs: 2 * MINUTE,
  timeoutMs: { restart: MINUTE, redeploy: 10 * MINUTE, cleanup: 10 * MINUTE },
  approvalExpiresMs: 24 * HOUR,
  rejectionMs: 24 * HOUR,
  backoff: { firstMs: MINUTE, maxMs: 6 * HOUR },
  flapping: { proposals: 3, withinMs: 30 * MINUTE },
  healPerHour: { service: 3, node: 10 },
  diskPressure: { high: 90, normal: 85 },
  retention: { hubDays: 90, edgeBytes: 256 * 1024 ** 2 },
  parallel: 8,
  bulkHoldMs: 5_000,
};

/** Asks for everything, always. */
export const ASK: EffectivePolicy = {
  heal: 'ask',
  change: 'ask',
  remove: 'ask',
  cleanup: 'ask',
  windows: [],
  healPerHour: SETTINGS.healPerHour,
  autonomy: [],
  through: {},
};

export interface ServiceSpec {
  readonly digest?: string;
  readonly monitor?: boolean;
  readonly observed?: boolean;
  readonly wave?: number;
  readonly restart?: 'no' | 'on-failure' | 'always';
  readonly labels?: Readonly<Record<string, string>>;
  /** Over its node's. */
  readonly policy?: Partial<EffectivePolicy>;
}

export interface NodeSpec {
  readonly provider?: string;
  readonly link?: FleetNode['link'];
  readonly site?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly policy?: Partial<EffectivePolicy>;
  readonly services?: Readonly<Record<string, ServiceSpec>>;
}

export interface FleetSpec {
  readonly nodes: Readonly<Record<string, NodeSpec>>;
  readonly groups?: Readonly<Record<string, readonly string[]>>;
  readonly settings?: Partial<Settings>;
  readonly revision?: string;
}

/** 64 hexadecimal digits that begin with the word's own. */
export function digest(word: string): string {
  return Buffer.from(word).toString('hex').padEnd(64, '0').slice(0, 64);
}

export function fleetOf(spec: FleetSpec): Fleet {
  const nodes = new Map<string, FleetNode>();
  const services = new Map<ServiceKey, DesiredService>();
  const servicesOf = new Map<string, readonly ServiceKey[]>();
  for (const [name, node] of Object.entries(spec.nodes)) {
    const made = nodeOf(name, node);
    nodes.set(name, made);
    const own = Object.entries(node.services ?? {}).map(([service, its]) => serviceOf(made, service, its));
    own.sort((a, b) => a.wave - b.wave || (a.name < b.name ? -1 : 1));
    for (const service of own) services.set(service.key, service);
    servicesOf.set(
      name,
      own.map(({ key }) => key),
    );
  }
  return {
    revision: spec.revision ?? 'files-1',
    hub: nodes.keys().next().value ?? 'hub',
    nodes,
    services,
    servicesOf,
    groups: new Map(Object.entries(spec.groups ?? {}).map(([name, members]) => [name, new Set(members)])),
    aliases: new Map(),
    ingress: [],
    settings: { ...SETTINGS, ...spec.settings },
    plugins: new Map(),
    bundles: new Map(),
    warnings: [],
  };
}

export function nodeOf(name: string, spec: NodeSpec = {}): FleetNode {
  const link = spec.link ?? 'lan';
  return {
    name,
    site: spec.site ?? null,
    address: null,
    aliases: [],
    arch: 'x64',
    link,
    provider: spec.provider ?? 'edge',
    runtime: 'process',
    roles: ['edge'],
    labels: spec.labels ?? {},
    policy: { ...ASK, ...spec.policy },
    heartbeatMs: SETTINGS.heartbeatMs[link],
    silenceMs: SETTINGS.heartbeatMs[link] * SETTINGS.silenceHeartbeats,
    through: [],
  };
}

function serviceOf(node: FleetNode, name: string, spec: ServiceSpec): DesiredService {
  const restart = spec.restart ?? 'no';
  return {
    key: serviceKey(node.name, name),
    node: node.name,
    name,
    monitor: spec.monitor ?? true,
    observed: spec.observed ?? false,
    exposure: 'local-only',
    size: null,
    dependsOn: [],
    labels: { ...node.labels, ...spec.labels },
    definition: {
      runtime: 'process',
      env: {},
      labels: {},
      dependsOn: [],
      update: 'replace',
      process: { command: ['run'], env: {}, ports: {}, stopSignal: 'SIGTERM', stopTimeout: 10, restart },
    },
    digest: digest(spec.digest ?? 'v1'),
    policy: { ...node.policy, ...spec.policy },
    verifyMs: SETTINGS.verifyMs,
    wave: spec.wave ?? 0,
    through: [],
  };
}

/** Rows that a test sets by hand; `copy` for a world that goes on from here. */
export class StatedWorld implements WorldView {
  ord = 0;
  readonly #tables = new Map<string, Map<string, unknown>>();

  rows<T>(cls: EventClass, kind: string): Map<string, T> {
    const name = `${cls}/${kind}`;
    const table = this.#tables.get(name) ?? new Map<string, unknown>();
    this.#tables.set(name, table);
    return table as Map<string, T>;
  }

  set<T>(cls: EventClass, kind: string, key: string, row: T): this {
    this.rows<T>(cls, kind).set(key, row);
    this.ord++;
    return this;
  }

  copy(): StatedWorld {
    const copy = new StatedWorld();
    copy.ord = this.ord;
    for (const [name, table] of this.#tables) copy.#tables.set(name, new Map(table));
    return copy;
  }

  /** The same rows, put in the other way round. */
  reversed(): StatedWorld {
    const copy = new StatedWorld();
    copy.ord = this.ord;
    for (const [name, table] of [...this.#tables].reverse()) copy.#tables.set(name, new Map([...table].reverse()));
    return copy;
  }
}

export const EPOCH = 1;

export function upLink(now: number): LinkView {
  return { connected: true, epoch: EPOCH, caughtUp: true, lastHeardAt: now };
}

export function observedRow(node: string, at: string, epoch = EPOCH, complete = true): ObservationRow {
  return { epoch, complete, event: `${node}.observed`, at };
}

export function healthySource(instance: string, at: string): SourceState {
  return { health: 'healthy', instance, evidence: [`${instance}.up`], since: at, receivedAt: at };
}

/** A healthy, running instance of ours. */
export function runningRow(node: string, service: string, runs: string, at: string, instance = 'i1'): ServiceRow {
  return {
    node,
    service,
    managed: true,
    digest: runs,
    instance,
    state: 'running',
    restarts: 0,
    ports: {},
    sources: { process: healthySource(instance, at) },
    log: `${node}log`,
    seq: 1,
  };
}
