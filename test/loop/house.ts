/** A lab in a bottle that runs, with what a test does to it: a service dies, a link is cut, a person speaks, time passes. */
import type { ControlPlane } from '@lab/api/control-plane';
import { InProcessLink } from '@lab/kernel/link/in-process';
import type { ActionRow, JournalEvent, ServiceRow } from '@lab/sdk';
import { expect } from 'vitest';
import { MemoryDisk } from '../../kernel/testing/memory-disk.ts';
import { type Files, TempFleet } from '../../kernel/testing/temp-fleet.ts';
import { Life, Outside } from '../faults/bottle.ts';

export const ANNA = { who: 'anna@saturn', via: 'api' } as const;

export class Lab implements AsyncDisposable {
  readonly fleet: TempFleet;
  readonly outside = new Outside();
  readonly disk = new MemoryDisk();
  #life: Life | undefined;

  private constructor(fleet: TempFleet) {
    this.fleet = fleet;
  }

  /** The good fleet (piha: broker, bridge; vps: nothing) with `files` over it, started and at rest. */
  static async start(files: Files = {}): Promise<Lab> {
    const lab = new Lab(await TempFleet.make(files));
    await lab.begin();
    await lab.atRest();
    return lab;
  }

  async begin(): Promise<void> {
    this.#life = await Life.begin(this.outside, this.disk, this.fleet.dir);
  }

  /** All of it is stopped in order, as Ctrl-C does. */
  async stopAll(): Promise<void> {
    await this.life.daemon.stop({ services: true });
    this.#life = undefined;
  }

  /** The daemon ends; services live on. */
  async end(): Promise<void> {
    await this.#life?.end();
    this.#life = undefined;
  }

  get life(): Life {
    if (this.#life === undefined) throw new Error('no daemon runs');
    return this.#life;
  }

  get plane(): ControlPlane {
    return this.life.daemon.hub.plane;
  }

  action(id: string): ActionRow | undefined {
    return this.life.daemon.hub.parts.observer.world.rows<ActionRow>('control', 'action').get(id);
  }

  service(key: string): ServiceRow | undefined {
    return this.life.daemon.hub.parts.observer.world.rows<ServiceRow>('health', 'service').get(key);
  }

  /** What runs on a machine, whoever knows of it. */
  instance(node: string, service: string): string | undefined {
    const one = this.outside.machine(node).services.get(service);
    return one?.phase === 'running' ? one.instance : undefined;
  }

  async until(is: () => boolean, what: string, mostMs = 600_000): Promise<void> {
    expect(await this.life.passUntil(is, mostMs), what).toBe(true);
  }

  async pass(ms: number): Promise<void> {
    await this.life.passUntil(() => false, ms);
  }

  /** Nothing is being planned, approved or run. */
  async atRest(): Promise<void> {
    await this.until(() => {
      const rows = this.life.daemon.hub.parts.observer.world.rows<ActionRow>('control', 'action');
      return (
        !this.life.daemon.hub.parts.loop.busy &&
        [...rows.values()].every(({ state }) => state !== 'approved' && state !== 'running')
      );
    }, 'it comes to rest');
    await this.pass(3_000);
  }

  /** The service ends by itself. */
  async dies(node: string, service: string, machine = node): Promise<void> {
    const one = this.outside.machine(machine).services.get(service);
    if (one?.phase !== 'running') throw new Error(`${service} does not run`);
    one.phase = 'exited';
    one.said = true;
    await this.says(node, service, 'containers_not_running', { instance: one.instance, exitCode: 1, signal: null });
  }

  async says(node: string, service: string, type: string, data: Readonly<Record<string, unknown>>): Promise<void> {
    await this.life.daemon.edges.get(node)?.parts.emit({ type, source: 'process', service, data });
  }

  async approve(id: string): Promise<void> {
    const [action] = (await this.plane.actions(['pending'])).filter((one) => one.id === id);
    if (action === undefined) throw new Error(`${id} does not wait`);
    await this.plane.approve(id, { ulid: action.ulid, hash: action.planHash }, ANNA);
  }

  /** New content of files, read as `lab plan` reads them. */
  async edit(files: Files): Promise<void> {
    await this.fleet.write(files);
    await this.life.ask((plane) => plane.plan());
    expect((await this.plane.status()).problems, 'the edit is in force').toEqual([]);
  }

  link(node: string): InProcessLink {
    const link = this.life.daemon.edges.get(node)?.parts.link;
    if (!(link instanceof InProcessLink)) throw new Error(`${node} has no link to cut`);
    return link;
  }

  /** The next grants are handed out, and lost on the way: the link is cut before the answer is there. */
  loseGrants(node: string): void {
    const hub = this.life.daemon.hub.link;
    const work = hub.work.bind(hub);
    hub.work = async (session) => {
      const answer = await work(session);
      if (answer.grants.length > 0) {
        this.link(node).cut();
        hub.work = work;
      }
      return answer;
    };
  }

  /** The link is cut as soon as the node has its next grants. */
  cutAfterGrants(node: string): void {
    const link = this.link(node);
    const work = link.work.bind(link);
    link.work = async (session) => {
      const answer = await work(session);
      if (answer.grants.length > 0) {
        link.cut();
        link.work = work;
      }
      return answer;
    };
  }

  async said(...types: readonly string[]): Promise<JournalEvent[]> {
    const all: JournalEvent[] = [];
    for await (const events of this.life.daemon.hub.parts.journal.read(1))
      all.push(...events.filter(({ type }) => types.includes(type)));
    return all;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    await this.fleet[Symbol.asyncDispose]();
  }
}

/** Policy of everything. */
export function policy(text: string): Files {
  return { 'inventory/policy.yaml': `policies:\n  - { target: "*", ${text} }\n` };
}
