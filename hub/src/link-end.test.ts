import { Generations } from '@lab/kernel/inventory/generations';
import { loadFleet } from '@lab/kernel/inventory/load';
import { InProcessLink } from '@lab/kernel/link/in-process';
import { type Hello, type HubLink, PROTOCOL } from '@lab/kernel/link/link';
import type { Journal } from '@lab/kernel/observer/journal';
import { World } from '@lab/kernel/observer/world';
import { collect, EventHouse } from '@lab/kernel/testing/event-house';
import { type LinkUnderTest, linkConformance } from '@lab/kernel/testing/link-conformance';
import { MemoryDisk } from '@lab/kernel/testing/memory-disk';
import { TempFleet } from '@lab/kernel/testing/temp-fleet';
import type { Fleet, HoldRow } from '@lab/sdk';
import { beforeEach, describe, expect, it } from 'vitest';
import { Desk } from './desk.ts';
import { LinkEnd } from './link-end.ts';

const house = new EventHouse('hb');
let sessions = 0;

/** The hub's end as the hub has it: a real journal and a real desk over one disk. Its world has what a test puts there. */
interface HubEnd {
  readonly journal: Journal;
  readonly desk: Desk;
  readonly end: LinkEnd;
  readonly hellos: readonly string[];
}

async function openHubEnd(fleet: Fleet, disk: MemoryDisk, world: World): Promise<HubEnd> {
  const journal = await house.journal(disk);
  const hellos: string[] = [];
  const desk: Desk = new Desk({
    fleet: () => fleet,
    world: () => world,
    generations: await Generations.load(disk, '/hub/state/generations.json'),
    controlSeq: (raw, log) => journal.position(raw, log, 'control')?.seq ?? 0,
    hint: (node) => end.hint(node),
    bundle: (_node, digest) => fleet.bundles.get(digest),
    onHello: async (node) => void hellos.push(node),
  });
  const end: LinkEnd = new LinkEnd(journal, desk, house.clock, () => `session${++sessions}`);
  await desk.refresh();
  return { journal, desk, end, hellos };
}

async function exampleFleet(): Promise<Fleet> {
  await using dir = await TempFleet.make({
    'hosts/vps/services.yaml': 'services: { broker: { exposure: local-only } }\n',
  });
  const { fleet } = await loadFleet(dir.dir);
  if (fleet === undefined) throw new Error('the fleet of the test has problems');
  return fleet;
}

/** A link to whichever life the hub has now, which a test can interrupt while an answer is on its way. */
class Interrupted implements HubLink {
  readonly #now: () => HubLink;
  #then: (() => void) | undefined;

  constructor(now: () => HubLink) {
    this.#now = now;
  }

  afterNext(then: () => void): void {
    this.#then = then;
  }

  hello: HubLink['hello'] = (hello) => this.#pass(this.#now().hello(hello));
  events: HubLink['events'] = (session, batch) => this.#pass(this.#now().events(session, batch));
  heartbeat: HubLink['heartbeat'] = (session) => this.#pass(this.#now().heartbeat(session));
  told: HubLink['told'] = (session) => this.#pass(this.#now().told(session));
  bundle: HubLink['bundle'] = (session, digest) => this.#pass(this.#now().bundle(session, digest));
  work: HubLink['work'] = (session) => this.#pass(this.#now().work(session));
  onHint: HubLink['onHint'] = (session, hint) => this.#now().onHint(session, hint);

  async #pass<T>(answer: Promise<T>): Promise<T> {
    const given = await answer;
    this.#then?.();
    this.#then = undefined;
    return given;
  }
}

async function inProcess(): Promise<LinkUnderTest> {
  const fleet = await exampleFleet();
  const disk = new MemoryDisk();
  const world = new World();
  let hub = await openHubEnd(fleet, disk, world);
  const interrupted = new Interrupted(() => hub.end);
  const link = new InProcessLink(interrupted);
  const bundle = fleet.bundles.get(fleet.services.get('piha/broker')?.digest ?? '');
  if (bundle === undefined) throw new Error('the fleet of the test has no bundle');
  const holds = world.writer('control').of<HoldRow>('hold');
  return {
    link,
    node: 'piha',
    alias: 'node-1',
    other: 'vps',
    bundle,
    cut: () => link.cut(),
    mend: () => link.mend(),
    cutDuringNext: () => interrupted.afterNext(() => link.cut()),
    journal: () => collect(hub.journal.read(1)),
    quarantined: async () => {
      const names = (await disk.list('/hub/quarantine')).filter((name) => name.endsWith('.reason'));
      return Promise.all(
        names.map(async (name) => Buffer.from((await disk.read(`/hub/quarantine/${name}`)) ?? []).toString()),
      );
    },
    // Somebody holds a service or lets go of it: either way its node is told another thing.
    change: async (node) => {
      const key = fleet.servicesOf.get(node)?.[0];
      if (key === undefined) throw new Error(`nothing runs on ${node}`);
      if (holds.get(key) === undefined) holds.set(key, { by: 'anna', why: 'test', at: '', event: '' });
      else holds.delete(key);
      await hub.desk.refresh();
    },
    setWork: (work) => hub.desk.setWork(work),
    restart: async () => {
      await hub.journal.close();
      hub = await openHubEnd(fleet, disk, world);
    },
    end: () => hub.journal.close(),
  };
}

linkConformance('in process', inProcess);

describe("the hub's end", () => {
  let fleet: Fleet;
  let hub: HubEnd;
  const hello = (more: Partial<Hello> = {}): Hello => ({
    protocol: PROTOCOL,
    node: 'piha',
    log: 'somelog',
    epoch: 3,
    bootId: 'boot',
    streams: {
      control: { first: 1, last: 0, acked: 0, ackedHash: null },
      health: { first: 1, last: 0, acked: 0, ackedHash: null },
      bulk: { first: 1, last: 0, acked: 0, ackedHash: null },
    },
    generation: 0,
    desiredHash: null,
    ...more,
  });
  const line = (seq: number): string =>
    JSON.stringify({
      id: `somelog.h${seq}`,
      node: 'piha',
      log: 'somelog',
      epoch: 3,
      class: 'health',
      seq,
      type: 'felt',
      at: '2026-01-01T00:00:00.000Z',
      severity: 'warning',
      data: { n: seq },
    });

  beforeEach(async () => {
    fleet = await exampleFleet();
    hub = await openHubEnd(fleet, new MemoryDisk(), new World());
  });

  it('shows a node as caught up once the journal has all that its hello named', async () => {
    const { session } = await hub.end.hello(
      hello({ streams: { ...hello().streams, health: { first: 1, last: 2, acked: 0, ackedHash: null } } }),
    );
    expect(hub.end.view('piha')).toMatchObject({ connected: true, epoch: 3, caughtUp: false });
    await hub.end.events(session, { class: 'health', from: 1, lines: [line(1)] });
    expect(hub.end.view('piha').caughtUp).toBe(false);
    await hub.end.events(session, { class: 'health', from: 2, lines: [line(2)] });
    expect(hub.end.view('piha').caughtUp).toBe(true);
    expect(hub.end.view('vps')).toEqual({ connected: false, epoch: null, caughtUp: false, lastHeardAt: null });
  });

  it('counts the quiet from the last word, on a clock that does not jump', async () => {
    expect(hub.end.quietMs('piha')).toBeUndefined();
    const { session } = await hub.end.hello(hello());
    await house.clock.advance(5_000);
    house.clock.jump(0);
    expect(hub.end.quietMs('piha')).toBe(5_000);
    await hub.end.heartbeat(session);
    expect(hub.end.quietMs('piha')).toBe(0);
  });

  it('takes no word of an ended conversation for a sign of life', async () => {
    const { session } = await hub.end.hello(hello());
    await house.clock.advance(7_000);
    hub.end.disconnect('piha');
    await expect(hub.end.heartbeat(session)).rejects.toMatchObject({ code: 'refused' });
    expect(hub.end.quietMs('piha')).toBe(7_000);
    expect(hub.end.view('piha').connected).toBe(false);
  });

  it('tells who watches the fleet of each hello, except of one whose log has another past', async () => {
    await hub.end.hello(hello({ node: 'node-1' }));
    const welcome = await hub.end.hello(
      hello({ streams: { ...hello().streams, bulk: { first: 5, last: 9, acked: 4, ackedHash: 'x' } } }),
    );
    expect(welcome.newLog).toBe(true);
    expect(hub.hellos).toEqual(['piha']);
    await expect(hub.end.heartbeat(welcome.session)).rejects.toMatchObject({ code: 'refused' });
  });

  it('gives no node of another provider a conversation', async () => {
    const ssh = { ...fleet, nodes: new Map(fleet.nodes) };
    const vps = fleet.nodes.get('vps');
    if (vps === undefined) throw new Error('no vps');
    ssh.nodes.set('vps', { ...vps, provider: 'ssh' });
    const other = await openHubEnd(ssh, new MemoryDisk(), new World());
    await expect(other.end.hello(hello({ node: 'vps', log: 'vpslog' }))).rejects.toMatchObject({ code: 'refused' });
    await expect(other.end.hello(hello())).resolves.toMatchObject({ node: 'piha' });
  });
});
