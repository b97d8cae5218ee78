/** One node without a hub: its log, its own fold, what it was told, its bundles, and a machine that is a map. */
import { EdgeLog } from '@lab/kernel/observer/edge-log';
import { builtInEvents } from '@lab/kernel/observer/events/built-in';
import { MemoryDisk } from '@lab/kernel/testing/memory-disk';
import {
  type ApprovedDoc,
  type Bundle,
  bundleDigest,
  type Change,
  type Definition,
  type DesiredDoc,
  type DesiredEntry,
  type Emit,
  LabError,
  type ServiceRow,
  sha256,
  type VerifiedRow,
} from '@lab/sdk';
import { FakeClock, FakeProvider, KeptLog, processSpec } from '@lab/sdk/testing';
import { Bundles } from '../src/bundles.ts';
import { edgePaths } from '../src/edge.ts';
import { LocalWorld } from '../src/local-world.ts';
import { ServiceSpecs } from '../src/service-specs.ts';
import { Told } from '../src/told.ts';

export const NODE = 'piha';
export const paths = edgePaths('/node');

export function definition(more: Partial<Definition> = {}): Definition {
  return { ...processSpec('web', { command: ['node', 'main.mjs'], ports: { http: 80 } }).definition, ...more };
}

export function bundle(service: string, text: string, more: Partial<Definition> = {}): Bundle {
  const content = Buffer.from(text);
  const files = [{ path: 'main.mjs', mode: 0o644, sha256: sha256(content), content: content.toString('base64') }];
  const made = definition(more);
  return { digest: bundleDigest(files, made), service, files, definition: made };
}

export function entry(of: Bundle, more: Partial<DesiredEntry> = {}): DesiredEntry {
  const { service, digest } = of;
  const policy = { heal: 'ask', autonomy: [] };
  return {
    service,
    digest,
    monitor: true,
    observed: false,
    dependsOn: [],
    wave: 0,
    held: false,
    definition: of.definition,
    policy,
    ...more,
  };
}

export function desired(generation: number, services: DesiredEntry[] = []): DesiredDoc {
  return { node: NODE, generation, heartbeatMs: 10_000, services };
}

export function change(of: Partial<Change> = {}): Change {
  return {
    id: 'redeploy-piha-web',
    type: 'redeploy',
    resource: 'service',
    node: NODE,
    service: 'web',
    class: 'change',
    from: null,
    to: null,
    parameters: {},
    risk: 'low',
    why: { rule: 'outdated_service', text: 'it is behind', evidence: [] },
    ...of,
  };
}

interface Parts {
  readonly disk: MemoryDisk;
  readonly clock: FakeClock;
  readonly log: KeptLog;
  readonly events: EdgeLog;
  readonly world: LocalWorld;
  readonly told: Told;
}

export class EdgeHouse {
  readonly disk: MemoryDisk;
  readonly clock: FakeClock;
  readonly log: KeptLog;
  readonly events: EdgeLog;
  readonly world: LocalWorld;
  readonly told: Told;
  readonly bundles: Bundles;
  readonly specs: ServiceSpecs;
  readonly provider: FakeProvider;
  readonly emit: Emit;
  /** What the hub has; undefined: it is out of reach. */
  hub: Map<string, Bundle> | undefined = new Map();
  /** Digests that were asked of it. */
  readonly fetched: string[] = [];
  /** Files that were set aside. */
  readonly bad: string[] = [];

  private constructor({ disk, clock, log, events, world, told }: Parts) {
    this.disk = disk;
    this.clock = clock;
    this.log = log;
    this.events = events;
    this.world = world;
    this.told = told;
    this.emit = (fact) => events.append(fact);
    this.bundles = new Bundles(
      disk,
      paths.bundles,
      (digest) => this.#fetch(digest),
      (path) => this.#setAside(path),
    );
    this.specs = new ServiceSpecs({
      node: NODE,
      root: '/node',
      worldDir: paths.world,
      modulesDir: '/modules',
      disk,
      bundles: this.bundles,
      ports: { give: async (_node, _service, wanted) => wanted, file: '/node/ports.json' },
    });
    this.provider = new FakeProvider(this.emit);
  }

  static async open(disk = new MemoryDisk()): Promise<EdgeHouse> {
    const clock = new FakeClock();
    const log = new KeptLog();
    const events = await EdgeLog.open({
      disk,
      dir: paths.log,
      node: NODE,
      clock,
      registry: builtInEvents(),
      randomId: () => `log${(++logs).toString(36).padStart(9, '0')}`,
      log,
      reserveBytes: 64,
    });
    const onBad = async (path: string): Promise<void> => disk.remove(path);
    const world = await LocalWorld.open(disk, paths.snapshot, events, log, onBad);
    events.onAppend((appended) => {
      for (const event of appended) world.fold(event);
    });
    const told = await Told.open({
      disk,
      desired: paths.desired,
      approved: paths.approved,
      log: () => events.log,
      verified: (service) => world.view.rows<VerifiedRow>('control', 'verified').get(`${NODE}/${service}`),
      onBad,
    });
    return new EdgeHouse({ disk, clock, log, events, world, told });
  }

  approvedDoc(approved: Readonly<Record<string, string>>, seq = 0): ApprovedDoc {
    return { node: NODE, log: this.events.log, seq, approved: { ...approved } };
  }

  /** These are desired and approved, and the hub has their bundles. */
  async has(generation: number, ...bundles: readonly Bundle[]): Promise<void> {
    for (const one of bundles) this.hub?.set(one.digest, one);
    await this.told.accept(
      desired(
        generation,
        bundles.map((one, wave) => entry(one, { wave })),
      ),
      this.approvedDoc(Object.fromEntries(bundles.map(({ service, digest }) => [service, digest]))),
    );
  }

  row(service: string): ServiceRow | undefined {
    return this.world.view.rows<ServiceRow>('health', 'service').get(`${NODE}/${service}`);
  }

  /** Types of what this node said, in the order of a class. */
  async said(cls: 'control' | 'health' | 'bulk' = 'control'): Promise<string[]> {
    const types: string[] = [];
    for await (const { type } of this.events.events(cls)) types.push(type);
    return types;
  }

  async #fetch(digest: string): Promise<Bundle> {
    this.fetched.push(digest);
    if (this.hub === undefined) throw new LabError('unreachable', 'the hub is out of reach');
    const found = this.hub.get(digest);
    if (found === undefined) throw new LabError('not_found', `no bundle ${digest}`);
    return found;
  }

  async #setAside(path: string): Promise<void> {
    this.bad.push(path);
    await this.disk.remove(path);
  }
}

let logs = 0;
