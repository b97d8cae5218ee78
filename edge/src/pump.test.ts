import { InProcessLink } from '@lab/kernel/link/in-process';
import { type EventBatch, type Hello, type HubLink, PROTOCOL, type Told, type Work } from '@lab/kernel/link/link';
import { type EventClass, LabError } from '@lab/sdk';
import { settle } from '@lab/sdk/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { desired, EdgeHouse, NODE } from '../testing/edge-house.ts';
import { Pump } from './pump.ts';

const BEAT_MS = 10_000;

/** A hub that keeps what it is sent, by position, as the real one does; its own suite is that of the link. */
class SmallHub implements HubLink {
  readonly lines: Record<EventClass, string[]> = { control: [], health: [], bulk: [] };
  readonly hellos: Hello[] = [];
  readonly batches: EventBatch[] = [];
  generation = 1;
  work_: Work = { grants: [], cancelled: [] };
  workVersion = 0;
  told_ = 0;
  newLog = false;
  session = 0;
  hint: () => void = () => {};

  hello: HubLink['hello'] = async (hello) => {
    this.hellos.push(hello);
    const newLog = this.newLog;
    this.newLog = false;
    if (newLog) for (const cls of ['control', 'health', 'bulk'] as const) this.lines[cls] = [];
    return {
      session: `s${++this.session}`,
      node: NODE,
      acked: { control: this.lines.control.length, health: this.lines.health.length, bulk: this.lines.bulk.length },
      newLog,
      generation: this.generation,
      heartbeatMs: BEAT_MS,
      time: '2026-06-01T00:00:00.000Z',
    };
  };
  events: HubLink['events'] = async (session, batch) => {
    this.#check(session);
    this.batches.push(batch);
    const kept = this.lines[batch.class];
    if (batch.from > kept.length + 1) throw new LabError('conflict', 'a gap', { data: { acked: kept.length } });
    kept.push(...batch.lines.slice(kept.length + 1 - batch.from));
    return kept.length;
  };
  heartbeat: HubLink['heartbeat'] = async (session) => {
    this.#check(session);
    return { generation: this.generation, approvedHash: '', work: this.workVersion };
  };
  told: HubLink['told'] = async (session) => {
    this.#check(session);
    this.told_++;
    return { desired: desired(this.generation), approved: { node: NODE, log: 'log1', seq: 0, approved: {} } };
  };
  bundle: HubLink['bundle'] = async (session) => {
    this.#check(session);
    throw new LabError('not_found', 'there is none');
  };
  work: HubLink['work'] = async (session) => {
    this.#check(session);
    return this.work_;
  };
  onHint: HubLink['onHint'] = (_session, hint) => {
    this.hint = hint;
    return () => {
      this.hint = () => {};
    };
  };

  #check(session: string): void {
    if (session !== `s${this.session}`) throw new LabError('refused', 'this conversation has ended');
  }
}

describe('the pump', () => {
  let house: EdgeHouse;
  let hub: SmallHub;
  let link: InProcessLink;
  let pump: Pump;
  let stop: AbortController;
  let running: Promise<void>;
  let generation: number;
  let told: Told[];
  let work: Work[];
  let times: number[];
  let refuseTold: boolean;
  let renewed: number;

  const begin = (): void => {
    stop = new AbortController();
    pump = new Pump({
      node: NODE,
      bootId: 'boot',
      link,
      events: {
        get log() {
          return house.events.log;
        },
        epoch: house.events.epoch,
        tail: (cls) => house.events.tail(cls),
        read: (cls, from, max) => house.events.read(cls, from, max),
        acked: (cls, seq) => house.events.acked(cls, seq),
        renew: () => house.events.renew(),
        onAppend: (listener) => house.events.onAppend(() => listener()),
      },
      clock: house.clock,
      log: house.log,
      random: () => 0.5,
      accepted: () => ({ generation, desiredHash: null, approvedHash: '' }),
      onRenewed: async () => void renewed++,
      onTime: async (ms) => void times.push(ms),
      onTold: async (docs) => {
        if (refuseTold) throw new LabError('refused', 'this generation is older');
        told.push(docs);
        generation = docs.desired.generation;
      },
      onWork: async (offered) => void work.push(offered),
    });
    running = pump.run(stop.signal);
  };
  const say = (n: number): Promise<unknown> =>
    house.emit({ type: 'node_started', data: { bootId: `b${n}`, kept: [], adopted: [] } });
  const sick = (): Promise<unknown> =>
    house.emit({ type: 'memory_pressure', data: { level: 'high', usedPercent: 90 } });
  const arrived = (): unknown[] => hub.lines.control.map((line) => JSON.parse(line).data.bootId);

  beforeEach(async () => {
    house = await EdgeHouse.open();
    hub = new SmallHub();
    link = new InProcessLink(hub);
    generation = 0;
    told = [];
    work = [];
    times = [];
    refuseTold = false;
    renewed = 0;
  });
  afterEach(async () => {
    stop.abort();
    await running;
    await house.events.close();
    expect(house.clock.waiting).toBe(0);
  });

  it('waits longer and longer where what it is told is refused each time', async () => {
    refuseTold = true;
    begin();
    await house.clock.advance(60_000);
    expect(hub.hellos.length).toBeGreaterThan(3);
    expect(hub.hellos.length).toBeLessThan(10);
    refuseTold = false;
    await house.clock.advance(60_000);
    expect(told).toHaveLength(1);
  });

  it('says hello with what is on disk, then sends what the hub has not, and hears the time', async () => {
    await say(1);
    begin();
    await settle();
    expect(hub.hellos).toMatchObject([
      { protocol: PROTOCOL, node: NODE, log: house.events.log, epoch: 1, bootId: 'boot' },
    ]);
    expect(hub.hellos[0]?.streams.control).toMatchObject({ first: 1, last: 1, acked: 0 });
    expect(arrived()).toEqual(['b1']);
    expect(times).toEqual([Date.parse('2026-06-01T00:00:00.000Z')]);
    expect(pump.state).toMatchObject({ connected: true });
    expect(house.events.tail('control').acked).toBe(1);
  });

  it('sends what is said at once, control before health', async () => {
    begin();
    await settle();
    link.cut();
    await sick();
    await say(1);
    await house.clock.advance(BEAT_MS);
    link.mend();
    await house.clock.advance(60_000);
    expect(hub.batches.map((batch) => batch.class)).toEqual(['control', 'health']);
    await say(2);
    await settle();
    expect(arrived()).toEqual(['b1', 'b2']);
  });

  it('survives a cut link: nothing is lost, nothing arrives twice', async () => {
    begin();
    await settle();
    await say(1);
    await settle();
    link.cut();
    await say(2);
    await settle();
    expect(pump.state).toMatchObject({ connected: false, reason: 'the link is cut' });
    await expect(pump.bundle('d')).rejects.toMatchObject({ code: 'unreachable' });
    await house.clock.advance(5 * 60_000);
    await say(3);
    link.mend();
    await house.clock.advance(60_000);
    expect(arrived()).toEqual(['b1', 'b2', 'b3']);
    expect(pump.state.connected).toBe(true);
  });

  it('survives a lost answer', async () => {
    begin();
    await settle();
    const events = hub.events;
    hub.events = async (session, batch) => {
      const acked = await events(session, batch);
      hub.events = events;
      link.cut();
      return acked;
    };
    await say(1);
    await settle();
    link.mend();
    await say(2);
    await house.clock.advance(60_000);
    expect(arrived()).toEqual(['b1', 'b2']);
  });

  it('says hello again where the conversation was ended', async () => {
    begin();
    await settle();
    hub.session += 100;
    await say(1);
    await house.clock.advance(2_000);
    expect(hub.hellos).toHaveLength(2);
    expect(arrived()).toEqual(['b1']);
  });

  it('waits longer and longer while the hub is away, and not for ever', async () => {
    let tried = 0;
    hub.hello = async () => {
      tried++;
      throw new LabError('unreachable', 'nobody is there');
    };
    begin();
    await house.clock.advance(10_000);
    const soon = tried;
    expect(soon).toBeGreaterThan(2);
    await house.clock.advance(10 * 60_000);
    const later = tried - soon;
    expect(later).toBeGreaterThan(600 / 30 - 2);
    expect(later).toBeLessThan(60);
  });

  it('begins a new log where the hub knows another past, and sends what was never acknowledged', async () => {
    await say(1);
    hub.newLog = true;
    const { log } = house.events;
    begin();
    await settle();
    expect(house.events.log).not.toBe(log);
    expect(hub.hellos.map((hello) => hello.log)).toEqual([log, house.events.log]);
    expect(arrived()).toEqual(['b1']);
    expect(renewed).toBe(1);
  });

  it('goes back with a hub that lost what it had acknowledged', async () => {
    begin();
    await say(1);
    await say(2);
    await settle();
    hub.lines.control = hub.lines.control.slice(0, 1);
    hub.session += 100;
    await say(3);
    await house.clock.advance(2_000);
    expect(arrived()).toEqual(['b1', 'b2', 'b3']);
  });

  it('asks for what it was told at the start, and when a beat says that it is another', async () => {
    begin();
    await settle();
    expect(told.map(({ desired: doc }) => doc.generation)).toEqual([1]);
    await house.clock.advance(BEAT_MS);
    expect(hub.told_).toBe(1);
    hub.generation = 2;
    await house.clock.advance(BEAT_MS);
    expect(told.map(({ desired: doc }) => doc.generation)).toEqual([1, 2]);
  });

  it('finds work by a hint at once, and without one with the next beat', async () => {
    begin();
    await settle();
    const offers = work.length;
    hub.work_ = { grants: [], cancelled: [{ ulid: 'u1', by: 'anna' }] };
    hub.workVersion = 1;
    hub.hint();
    await settle();
    expect(work).toHaveLength(offers + 1);
    hub.workVersion = 2;
    await settle();
    expect(work).toHaveLength(offers + 1);
    await house.clock.advance(BEAT_MS);
    expect(work).toHaveLength(offers + 2);
    expect(work.at(-1)).toEqual(hub.work_);
  });

  it('begins anew where it refuses what it is told, and goes on once it is another', async () => {
    refuseTold = true;
    begin();
    await house.clock.advance(1_000);
    expect(hub.hellos.length).toBeGreaterThan(1);
    refuseTold = false;
    await house.clock.advance(60_000);
    expect(generation).toBe(1);
    expect(pump.state.connected).toBe(true);
  });

  it('ends when it is told to, also while it waits', async () => {
    link.cut();
    begin();
    await settle();
    stop.abort();
    await running;
    expect(pump.state).toMatchObject({ connected: false });
  });
});
