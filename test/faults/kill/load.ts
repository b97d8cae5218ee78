/** What goes on while the daemon is killed: services die, people decide, stop, start and edit, tools drop files, garbage falls in. */
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ActionView, EventView, StatusView } from '@lab/sdk';
import { kill9, type Machine } from '../../e2e/machine.ts';
import { pause } from '../../e2e/until.ts';
import type { DaemonProcess } from './daemon-process.ts';
import type { Dice } from './dice.ts';
import { SERVICES, serviceText } from './fleet.ts';
import { dataOf, type Ledger } from './ledger.ts';

const WEIGHTS = {
  kill: 3,
  approve: 5,
  reject: 0.5,
  post: 2,
  garbage: 1,
  edit: 0.6,
  stop: 0.4,
  start: 0.8,
  restart: 0.4,
  sicken: 0.5,
  cure: 1,
  look: 3,
} as const;
type Act = keyof typeof WEIGHTS;

export class Load {
  readonly #machine: Machine;
  readonly #dice: Dice;
  readonly #ledger: Ledger;
  #count = 0;

  constructor(machine: Machine, dice: Dice, ledger: Ledger) {
    this.#machine = machine;
    this.#dice = dice;
    this.#ledger = ledger;
  }

  /** Acts until the daemon is over. */
  async on(daemon: DaemonProcess): Promise<void> {
    while (daemon.over === undefined) {
      await this.#acts[this.#dice.weighted(WEIGHTS)](daemon);
      this.#ledger.acts += 1;
      await pause(this.#dice.between(2, 60));
    }
  }

  /** Everything is well again, as far as people can do that. */
  async calm(daemon: DaemonProcess): Promise<void> {
    for (const service of SERVICES) await this.#cure(service);
    const { services } = await daemon.get<StatusView>('/v1/status');
    for (const { node, name, held } of services)
      if (held !== undefined) await daemon.ask('POST', `/v1/services/${node}/${name}/start`, { reason: 'calm' });
  }

  async approveAll(daemon: DaemonProcess): Promise<void> {
    const pending = (await daemon.ask<ActionView[]>('GET', '/v1/actions?state=pending'))?.body ?? [];
    for (const action of pending) await this.#approve(daemon, action);
  }

  /** Kills the process of a service; false where it has none. */
  kill(service: string): boolean {
    const pid = this.#machine.living().get(service);
    if (pid === undefined) return false;
    this.#ledger.killed.add(pid);
    kill9(pid);
    return true;
  }

  readonly #acts: Readonly<Record<Act, (daemon: DaemonProcess) => Promise<unknown>>> = {
    kill: async () => this.kill(this.#service()),
    approve: async (daemon) => {
      const pending = await this.#pending(daemon);
      if (pending !== undefined) await this.#approve(daemon, pending);
    },
    reject: async (daemon) => {
      const pending = await this.#pending(daemon);
      if (pending !== undefined)
        await daemon.ask('POST', `/v1/actions/${pending.id}/reject`, { reason: 'not now', forMs: 1_000 });
    },
    post: () => this.#post(),
    garbage: () => this.#garbage(),
    edit: async () => {
      const name = this.#service().split('/')[1] ?? '';
      await this.#machine.write(`services/${name}/service.yaml`, serviceText(name, `edit ${this.#count++}`));
    },
    stop: (daemon) => daemon.ask('POST', `/v1/services/${this.#service()}/stop`, { reason: 'by chance' }),
    start: (daemon) => daemon.ask('POST', `/v1/services/${this.#service()}/start`, { reason: 'by chance' }),
    restart: (daemon) => daemon.ask('POST', `/v1/services/${this.#service()}/restart`, { reason: 'by chance' }),
    sicken: async () => {
      const service = this.#service();
      if (!existsSync(dataOf(this.#machine, service))) return;
      this.#ledger.sickened.push({ service, at: Date.now() });
      await writeFile(join(dataOf(this.#machine, service), 'sick'), '');
    },
    cure: () => this.#cure(this.#service()),
    look: (daemon) => this.#look(daemon),
  };

  #service(): string {
    return this.#dice.one(SERVICES) ?? SERVICES[0];
  }

  async #pending(daemon: DaemonProcess): Promise<ActionView | undefined> {
    const pending = await daemon.ask<ActionView[]>('GET', '/v1/actions?state=pending');
    return this.#dice.one(pending?.status === 200 ? pending.body : []);
  }

  async #approve(daemon: DaemonProcess, { id, ulid, planHash }: ActionView): Promise<void> {
    const answer = await daemon.ask('POST', `/v1/actions/${id}/approve`, { ulid, hash: planHash });
    if (answer?.status === 200) this.#ledger.approved.add(ulid);
  }

  #cure(service: string): Promise<void> {
    return rm(join(dataOf(this.#machine, service), 'sick'), { force: true });
  }

  /** A file of facts, now and then with a line that is none. */
  async #post(): Promise<void> {
    const lines: string[] = [];
    for (let left = this.#dice.between(1, 4); left > 0; left--) {
      const mark = `mark ${this.#count++}`;
      this.#ledger.posted.add(mark);
      lines.push(JSON.stringify({ node: this.#dice.one(['hut', 'barn', 'mill']), type: 'yard_seen', data: { mark } }));
    }
    if (this.#dice.roll() < 0.2) lines.splice(1, 0, '{"node":"barn","type":');
    await this.#drop(`events/inbox/${this.#count++}.jsonl`, `${lines.join('\n')}\n`);
  }

  async #garbage(): Promise<void> {
    const name = `${this.#count++}`;
    const content = this.#dice.one([
      Buffer.from(this.#dice.bytes(300)),
      Buffer.from(''),
      Buffer.from('{"id":"redeploy-barn-hen","ulid":'),
      Buffer.from(JSON.stringify({ id: '../../outside', type: 'redeploy', node: 'barn', service: 'hen' })),
      Buffer.from('[]'),
    ]);
    const folder = this.#dice.one(['events/inbox', 'actions/pending', 'actions/approved', 'actions/completed']);
    const path = `${folder}/garbage-${name}.json`;
    this.#ledger.garbage.add(path);
    await this.#drop(path, Buffer.concat([content ?? Buffer.from(''), Buffer.from(`\u0000${name}`)]));
  }

  /** Whole at once, as tools do. */
  async #drop(path: string, content: string | Uint8Array): Promise<void> {
    const to = join(this.#machine.root, path);
    const aside = join(this.#machine.dir, `aside-${this.#count++}`);
    await mkdir(dirname(to), { recursive: true });
    await writeFile(aside, content);
    await rename(aside, to);
  }

  async #look(daemon: DaemonProcess): Promise<void> {
    const status = await daemon.ask<StatusView>('GET', '/v1/status');
    if (status?.status === 200) this.#ledger.hashes.add(status.body.worldHash);
    const events = await daemon.ask<EventView[]>('GET', '/v1/events?limit=50');
    if (events?.status === 200) for (const { ord, id } of events.body) this.#ledger.shown.set(ord, id);
  }
}
