/** A hub's memory and queue over one disk, with real nodes to speak to it: what the tests of the hub begin with. */
import { makeApproval } from '@lab/kernel/actions/approve';
import { Audit } from '@lab/kernel/actions/audit';
import { ActionStore, type Who } from '@lab/kernel/actions/store';
import { loadFleet } from '@lab/kernel/inventory/load';
import { EdgeLog } from '@lab/kernel/observer/edge-log';
import { builtInEvents } from '@lab/kernel/observer/events/built-in';
import { Journal } from '@lab/kernel/observer/journal';
import { Observer } from '@lab/kernel/observer/observer';
import { World } from '@lab/kernel/observer/world';
import { MemoryDisk } from '@lab/kernel/testing/memory-disk';
import { type Files, TempFleet } from '@lab/kernel/testing/temp-fleet';
import {
  type Change,
  EVENT_CLASSES,
  type Fact,
  type Fleet,
  type JournalEvent,
  type StatedAction,
  serviceKey,
} from '@lab/sdk';
import { FakeClock, KeptLog } from '@lab/sdk/testing';
import { factsOf } from '../src/moves.ts';

export const ANNA: Who = { by: 'anna@saturn', via: 'api' };

/** piha (node-1) runs broker and bridge, vps a broker of its own; saturn has another provider. */
export const FILES: Files = {
  'inventory/topology.yaml': `sites: { home: {} }
nodes:
  piha: { site: home, runtime: process, roles: [hub, edge], aliases: [node-1] }
  vps: { link: vps, runtime: process }
  saturn: { provider: ssh }
`,
  'hosts/vps/services.yaml': 'services: { broker: { exposure: local-only } }\n',
};

export async function fleetOf(files: Files = {}): Promise<Fleet> {
  await using dir = await TempFleet.make({ ...FILES, ...files });
  const { fleet, problems } = await loadFleet(dir.dir);
  if (fleet === undefined) throw new Error(problems.map(({ message }) => message).join('\n'));
  return fleet;
}

export interface HouseOptions {
  readonly disk?: MemoryDisk;
  readonly clock?: FakeClock;
  readonly fleet?: Fleet;
}

export class HubHouse {
  readonly disk: MemoryDisk;
  readonly clock: FakeClock;
  readonly log = new KeptLog();
  readonly journal: Journal;
  readonly observer: Observer;
  readonly audit: Audit;
  readonly store: ActionStore;
  fleet: Fleet;
  /** Moves are not told to the journal while it is set: a crash came between. */
  mute = false;
  readonly #nodes = new Map<string, EdgeLog>();

  private constructor(args: {
    readonly disk: MemoryDisk;
    readonly clock: FakeClock;
    readonly journal: Journal;
    readonly observer: Observer;
    readonly audit: Audit;
    readonly fleet: Fleet;
    readonly store: ActionStore;
  }) {
    this.disk = args.disk;
    this.clock = args.clock;
    this.journal = args.journal;
    this.observer = args.observer;
    this.audit = args.audit;
    this.fleet = args.fleet;
    this.store = args.store;
  }

  static async open({ disk = new MemoryDisk(), clock = new FakeClock(), fleet }: HouseOptions = {}): Promise<HubHouse> {
    const log = new KeptLog();
    const registry = builtInEvents();
    const journal = await Journal.open({ disk, root: '/hub', clock, registry, log, hubNode: 'piha', randomId: ids() });
    const observer = new Observer({
      journal,
      registry,
      clock,
      log,
      checkpoints: { save: () => {} },
      start: new World(),
    });
    await observer.open();
    const audit = await Audit.open({ disk, dir: '/hub/audit', anchor: '/hub/state/audit-anchor.json', clock, log });
    const made: { house?: HubHouse } = {};
    const store = await ActionStore.open({
      disk,
      dir: '/hub/actions',
      audit,
      clock,
      log,
      ulid: ulids(),
      quarantine: async () => {},
      onMoved: async (moved) => {
        if (made.house?.mute !== true) await journal.own(factsOf(moved));
      },
    });
    const house = new HubHouse({
      disk,
      clock,
      journal,
      observer,
      audit,
      fleet: fleet ?? (await fleetOf()),
      store,
    });
    made.house = house;
    return house;
  }

  get world(): World {
    return this.observer.world;
  }

  readonly own = (facts: readonly Fact[]): Promise<readonly JournalEvent[]> => this.journal.own(facts);

  /** The log of a node, under the name that it calls itself. */
  async node(name: string): Promise<EdgeLog> {
    const known = this.#nodes.get(name);
    if (known !== undefined) return known;
    const log = await EdgeLog.open({
      disk: new MemoryDisk(),
      dir: '/edge/log',
      node: name,
      clock: this.clock,
      registry: builtInEvents(),
      randomId: ids(),
      log: this.log,
      reserveBytes: 64,
    });
    this.#nodes.set(name, log);
    return log;
  }

  /** The node says it, and it arrives. */
  async says(name: string, ...facts: readonly Fact[]): Promise<void> {
    const log = await this.node(name);
    for (const fact of facts) await log.append(fact);
    for (const cls of EVENT_CLASSES) {
      const from = (this.journal.position(name, log.log, cls)?.seq ?? 0) + 1;
      if (from > log.tail(cls).last) continue;
      await this.journal.accept(
        { node: name, log: log.log },
        { class: cls, from, lines: await log.read(cls, from, 1e6) },
      );
    }
  }

  /** Everything of a type that was said so far. */
  async said(...types: readonly string[]): Promise<JournalEvent[]> {
    const all: JournalEvent[] = [];
    for await (const events of this.journal.read(1)) all.push(...events.filter(({ type }) => types.includes(type)));
    return all;
  }

  async approve(action: StatedAction): Promise<StatedAction> {
    const approval = makeApproval(ANNA, this.clock.now(), undefined, this.fleet.settings);
    return this.store.move(action.id, action.ulid, 'approve', { approval }, ANNA);
  }

  /** A change that went all the way: what it moves to is approved from now on. */
  async deployed(node: string, service: string, to = this.digest(node, service)): Promise<void> {
    const { id, ulid } = await this.approve(await this.store.propose(redeploy(node, service, to), ANNA));
    await this.store.move(id, ulid, 'start', { run: 'run1' }, ANNA);
    await this.store.move(id, ulid, 'complete', { outcome: { at: this.#at(), reason: 'confirmed' } }, ANNA);
  }

  digest(node: string, service: string): string {
    const found = this.fleet.services.get(serviceKey(node, service));
    if (found === undefined) throw new Error(`no ${node}/${service}`);
    return found.digest;
  }

  #at(): string {
    return new Date(this.clock.now()).toISOString();
  }
}

export function redeploy(node: string, service: string, to: string, more: Partial<Change> = {}): Change {
  return {
    id: `redeploy-${node}-${service}`,
    type: 'redeploy',
    resource: 'service',
    node,
    service,
    class: 'change',
    from: null,
    to,
    parameters: {},
    risk: 'guarded',
    why: { rule: 'outdated_service', text: 'it is behind', evidence: [] },
    ...more,
  };
}

/** What a provider says of an instance that it made. */
export function born(service: string, instance: string, digest: string | null = null): Fact {
  return {
    type: 'service_progressing',
    source: 'process',
    service,
    data: { instance, digest, run: 'run1', ports: {}, sources: ['process'] },
  };
}

export function healthy(service: string, instance: string): Fact {
  return { type: 'service_healthy', source: 'process', service, data: { instance } };
}

let logs = 0;
function ids(): () => string {
  return () => `log${(++logs).toString(36).padStart(9, '0')}`;
}

let made = 0;
/** ULIDs that count up, across houses: a later life makes later ones. */
export function ulids(): () => string {
  return () => `01K0000000${(++made).toString().padStart(16, '0')}`;
}
