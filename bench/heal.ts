/**
 * From `kill -9` of a service's process to its `containers_not_running` in the hub's event stream, and to the file of the proposal in
 * `actions/pending/`. Beside it a bare parent that hears that its own child was killed and appends that to two files, synced one after
 * the other, as an event is in its node's log and then in the journal.
 *
 * Own children are those that this daemon started; adopted ones outlived a daemon that was killed, and nobody is told of their end:
 * they are looked at every half second. Kills come one at a time, at random instants; what was killed is approved between rounds.
 */
import { spawn } from 'node:child_process';
import { watch } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ActionView, EventView } from '@lab/sdk';
import { kill9, Machine } from '../test/e2e/machine.ts';
import { serviceYaml, smallFleet } from '../test/e2e/small-fleet.ts';
import { pause, until } from '../test/e2e/until.ts';
import { type Asked, type BenchResult, cost, percentile } from './result.ts';

const SERVICES = ['a', 'b', 'c', 'd', 'e', 'f'];
const NODES = ['hut', 'barn'];
const ROUNDS = { own: 10, adopted: 3 };
const POLL_MS = 500;
/** Healthchecks as in the example fleet: each second, and two in a row must fail. */
const CHECKED = serviceYaml().replace('interval: 0.3', 'interval: 1');

interface Kill {
  readonly eventMs: number;
  readonly fileMs: number;
}

export async function heal({ quick }: Asked): Promise<BenchResult[]> {
  const machine = await Machine.make({
    fleet: smallFleet({
      hosts: Object.fromEntries(NODES.map((node) => [node, SERVICES.map((name) => `${name}-service: {}`).join(', ')])),
      policies: ['{ target: "*", change: auto, heal: ask }'],
      services: Object.fromEntries(SERVICES.map((name) => [`${name}-service`, CHECKED])),
      thresholds: 'flapping: { proposals: 100000, within: 30m }, healPerHour: { service: 100000, node: 100000 }',
    }),
  });
  let seen: Seen | undefined;
  try {
    await machine.up();
    const parent = await BareParent.open(machine.dir);
    seen = await Seen.open(machine);
    const bare: number[] = [];
    const own: Kill[] = [];
    for (let round = 0; round < (quick ? 1 : ROUNDS.own); round++) {
      for (const name of names()) {
        own.push(await seen.kill(name));
        bare.push(await parent.kill());
      }
      await bringBack(machine);
    }
    const adopted: Kill[] = [];
    for (let round = 0; round < (quick ? 1 : ROUNDS.adopted); round++) {
      seen.close();
      const daemon = machine.daemonPid();
      kill9(daemon);
      await until(
        'the next daemon to answer',
        async () => machine.daemonPid() !== daemon && (await calm(machine)),
        60_000,
      );
      await seen.follow();
      for (const name of names()) adopted.push(await seen.kill(name));
      await bringBack(machine);
    }
    await parent.close();
    return [...results('own child', own, bare), ...results('adopted', adopted, bare)];
  } finally {
    seen?.close();
    await machine.cleanup();
  }
}

function results(whose: string, kills: readonly Kill[], bare: readonly number[]): BenchResult[] {
  const note = `${kills.length} kills; beside ${bare.length} of a bare parent's child, kill -9 to its exit event and two synced appends`;
  const of = (what: string, figures: readonly number[], most: number): BenchResult[] => [
    cost(`${whose}: kill -9 to ${what}, p50`, 'ms', {
      ours: percentile(figures, 0.5),
      baseline: percentile(bare, 0.5),
    }),
    cost(
      `${whose}: kill -9 to ${what}, p99`,
      'ms',
      { ours: percentile(figures, 0.99), baseline: percentile(bare, 0.99) },
      { bar: { of: 'ours', most }, note: `${note}; the slowest took ${Math.round(Math.max(...figures))} ms` },
    ),
  ];
  return [
    ...of(
      'event',
      kills.map(({ eventMs }) => eventMs),
      2_000,
    ),
    ...of(
      'pending file',
      kills.map(({ fileMs }) => fileMs),
      3_000,
    ),
  ];
}

function names(): string[] {
  return SERVICES.flatMap((name) => NODES.map((node) => `${node}/${name}-service`));
}

/** When an event arrived at a client of the hub's stream, and when a file appeared. */
class Seen {
  readonly #machine: Machine;
  readonly #token: string;
  #abort = new AbortController();
  readonly #waiting = new Map<string, (at: number) => void>();

  private constructor(machine: Machine, token: string) {
    this.#machine = machine;
    this.#token = token;
  }

  static async open(machine: Machine): Promise<Seen> {
    const seen = new Seen(machine, await tokenOf(machine));
    await seen.follow();
    return seen;
  }

  /** Looks at the stream and at the folder from now on. */
  async follow(): Promise<void> {
    const abort = new AbortController();
    this.#abort = abort;
    const { port, root } = this.#machine;
    const stream = await fetch(`http://127.0.0.1:${port}/v1/events/stream?type=containers_not_running`, {
      headers: { authorization: `Bearer ${this.#token}` },
      signal: abort.signal,
    });
    void this.#read(stream).catch((cause: unknown) => {
      if (!abort.signal.aborted) throw new Error('the event stream ended', { cause });
    });
    watch(join(root, 'actions/pending'), { signal: abort.signal }, (_kind, file) => {
      if (file !== null) this.#tell(file);
    });
  }

  close(): void {
    this.#abort.abort();
  }

  async kill(name: string): Promise<Kill> {
    const [node = '', service = ''] = name.split('/');
    const pid = await this.#machine.pid(name);
    await pause(Math.random() * POLL_MS);
    const event = this.#at(name);
    const file = this.#at(`container-restart-${node}-${service}.json`);
    const start = performance.now();
    kill9(pid);
    const [eventAt, fileAt] = await Promise.all([event, file]);
    return { eventMs: eventAt - start, fileMs: fileAt - start };
  }

  #at(what: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${what} was not seen within 30 s`)), 30_000);
      this.#waiting.set(what, (at) => {
        clearTimeout(timer);
        resolve(at);
      });
    });
  }

  #tell(what: string): void {
    this.#waiting.get(what)?.(performance.now());
    this.#waiting.delete(what);
  }

  async #read(stream: Response): Promise<void> {
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of stream.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      const messages = text.split('\n\n');
      text = messages.pop() ?? '';
      for (const message of messages) {
        const data = /^data: (.*)$/m.exec(message)?.[1];
        if (data === undefined) continue;
        const { node, service } = JSON.parse(data) as EventView;
        this.#tell(`${node}/${service}`);
      }
    }
  }
}

/** Approves what waits, until everything is as it was: a file may be seen before the hub lists it. */
async function bringBack(machine: Machine): Promise<void> {
  const headers = { authorization: `Bearer ${await tokenOf(machine)}`, 'content-type': 'application/json' };
  await until(
    'everything to be healthy again',
    async () => {
      const waiting = await machine.get<ActionView[]>('/v1/actions?state=pending');
      if (waiting.length === 0) return calm(machine);
      const items = waiting.map(({ id, ulid, planHash }) => ({ id, ulid, hash: planHash }));
      await fetch(`http://127.0.0.1:${machine.port}/v1/apply`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ items }),
      });
      return false;
    },
    120_000,
  );
}

async function tokenOf(machine: Machine): Promise<string> {
  return (await readFile(join(machine.root, 'state/secure/token'), 'utf8')).trim();
}

async function calm(machine: Machine): Promise<boolean> {
  const { services, actions } = await machine.status();
  const open = (actions.pending ?? 0) + (actions.approved ?? 0) + (actions.running ?? 0);
  return open === 0 && services.every(({ health }) => health === 'healthy');
}

/** kill -9 of a bare parent's child, its exit event, and that on disk twice. */
class BareParent {
  readonly #files: readonly FileHandle[];

  private constructor(files: readonly FileHandle[]) {
    this.#files = files;
  }

  static async open(dir: string): Promise<BareParent> {
    return new BareParent([await open(join(dir, 'bare-log'), 'a'), await open(join(dir, 'bare-journal'), 'a')]);
  }

  async kill(): Promise<number> {
    const child = spawn('sleep', ['60'], { stdio: 'ignore' });
    await new Promise((resolve) => child.once('spawn', resolve));
    await pause(20);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const start = performance.now();
    child.kill('SIGKILL');
    await ended;
    for (const file of this.#files) {
      await file.appendFile(`${JSON.stringify({ at: Date.now(), pid: child.pid, ended: true })}\n`);
      await file.datasync();
    }
    return performance.now() - start;
  }

  async close(): Promise<void> {
    for (const file of this.#files) await file.close();
  }
}
