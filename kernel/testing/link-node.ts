/** A node as the suite of the link has it: a real log on a disk in memory, its conversation, and a real runner for what it is granted. */
import { type Change, EVENT_CLASSES, type EventClass, type Fact, type Grant, planHash } from '@lab/sdk';
import { FakeClock, KeptLog } from '@lab/sdk/testing';
import { Runner } from '../src/executor/run.ts';
import { type Hello, type HubLink, PROTOCOL } from '../src/link/link.ts';
import type { EdgeLog } from '../src/observer/edge-log.ts';
import { EventHouse } from './event-house.ts';
import { MemoryDisk } from './memory-disk.ts';

export class TestNode {
  readonly disk: MemoryDisk;
  readonly name: string;
  readonly events: EdgeLog;
  readonly #link: HubLink;
  session = '';

  private constructor(name: string, disk: MemoryDisk, events: EdgeLog, link: HubLink) {
    this.name = name;
    this.disk = disk;
    this.events = events;
    this.#link = link;
  }

  static async open(name: string, link: HubLink, disk = new MemoryDisk(), life = 'n1'): Promise<TestNode> {
    const house = new EventHouse(life);
    return new TestNode(name, disk, await house.edge(disk, { node: name }), link);
  }

  async hello(more: Partial<Hello> = {}): Promise<Awaited<ReturnType<HubLink['hello']>>> {
    const { log, epoch } = this.events;
    const streams = Object.fromEntries(EVENT_CLASSES.map((cls) => [cls, this.events.tail(cls)])) as Hello['streams'];
    const welcome = await this.#link.hello({
      protocol: PROTOCOL,
      node: this.name,
      log,
      epoch,
      bootId: 'boot',
      streams,
      generation: 0,
      desiredHash: null,
      ...more,
    });
    this.session = welcome.session;
    if (!welcome.newLog) for (const cls of EVENT_CLASSES) await this.events.acked(cls, welcome.acked[cls]);
    return welcome;
  }

  async say(n: number, type = 'noted'): Promise<void> {
    await this.events.append({ type, data: { n } } satisfies Fact);
  }

  /** Lines as they stand in the log. */
  lines(cls: EventClass, from = 1): Promise<readonly string[]> {
    return this.events.read(cls, from, 1e6);
  }

  async send(cls: EventClass, from: number, lines?: readonly string[]): Promise<number> {
    return this.#link.events(this.session, { class: cls, from, lines: lines ?? (await this.lines(cls, from)) });
  }
}

export function grantFor(node: string): Grant {
  const change: Change = {
    id: `container-restart-${node}-web`,
    type: 'container_restart',
    resource: 'service',
    node,
    service: 'web',
    class: 'heal',
    from: null,
    to: 'a'.repeat(64),
    parameters: {},
    risk: 'low',
    why: { rule: 'unhealthy_service', text: 'it is down', evidence: ['abc.h1'] },
  };
  return {
    ulid: '01K00000000000000000000001',
    node,
    planHash: planHash(change),
    generation: 1,
    expiresAt: '2026-01-02T00:00:00.000Z',
    change,
    timeoutMs: 60_000,
    verifyMs: 120_000,
    by: 'anna@saturn',
  };
}

/** A real runner of that node, and the ULIDs of what it ran. */
export function counting(node: string): { readonly runner: Runner; readonly runs: string[] } {
  const runs: string[] = [];
  let ids = 0;
  const runner = new Runner({
    disk: new MemoryDisk(),
    dir: '/edge',
    node,
    clock: new FakeClock(),
    log: new KeptLog(),
    appliers: () => ({
      id: 'service',
      preimage: async () => null,
      apply: async () => {
        runs.push(grantFor(node).ulid);
        return { instance: 'made', verify: 'health' };
      },
      trace: async () => ({ state: 'none' }),
      diagnose: async () => '',
    }),
    emit: async () => ({ id: 'log1.c1', seq: 1 }),
    confirm: async () => ({ healthSeq: 1 }),
    ulid: () => `01K0000000${(++ids).toString().padStart(16, '0')}`,
    check: () => undefined,
  });
  return { runner, runs };
}
