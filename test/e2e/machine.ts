/**
 * A machine of a test's own: a runtime root, a fleet whose files may be edited, ports, and `lab` as people run it. Nothing of it
 * is left when it is cleaned up: what still lives is ended by its pid, known by the root in its environment.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Action, ActionState, ActionView, EventView, ServiceView, StatusView } from '@lab/sdk';
import { Launched } from './launched.ts';
import { until } from './until.ts';

export const HOME = join(import.meta.dirname, '../..');
const MAIN = join(HOME, 'cli/src/main.ts');
const FLEET = ['lab.yaml', 'inventory', 'hosts', 'services'];

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface MachineOptions {
  /** Path to text; without it the machine has a copy of the example fleet. */
  readonly fleet?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** What is run in place of `lab up`. */
  readonly main?: string;
  /** Below the machine's folder. */
  readonly root?: string;
}

export class Machine {
  readonly dir: string;
  readonly root: string;
  readonly repo: string;
  readonly port: number;
  readonly #env: Readonly<Record<string, string>>;
  readonly #main: string;
  readonly #launched: Launched[] = [];

  private constructor(dir: string, port: number, { env = {}, main = MAIN, root = 'root' }: MachineOptions) {
    this.dir = dir;
    this.root = join(dir, root);
    this.repo = join(dir, 'fleet');
    this.port = port;
    this.#env = env;
    this.#main = main;
  }

  static async make(options: MachineOptions = {}): Promise<Machine> {
    const dir = await realpath(await mkdtemp(join(tmpdir(), 'lab-e2e-')));
    const machine = new Machine(dir, await freePort(), options);
    if (options.fleet === undefined) {
      for (const name of FLEET) await cp(join(HOME, name), join(machine.repo, name), { recursive: true });
    } else for (const [path, text] of Object.entries(options.fleet)) await machine.write(path, text);
    return machine;
  }

  env(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
    return {
      PATH: process.env.PATH,
      HOME: this.dir,
      USER: 'anna',
      TZ: 'UTC',
      NODE_COMPILE_CACHE: join(tmpdir(), 'lab-e2e-compile-cache'),
      LAB_HOME: HOME,
      LAB_ROOT: this.root,
      LAB_REPO: this.repo,
      LAB_PORT: String(this.port),
      ...this.#env,
      ...more,
    };
  }

  /** `lab up`, not waited for. */
  launch(env: Readonly<Record<string, string>> = {}): Launched {
    const launched = new Launched([this.#main, 'up'], this.env(env));
    this.#launched.push(launched);
    return launched;
  }

  /** `lab up`, ready. */
  async up(env: Readonly<Record<string, string>> = {}): Promise<Launched> {
    const launched = this.launch(env);
    await launched.ready();
    return launched;
  }

  /** `lab`, with words as they are typed. */
  lab(words: string | readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
    const argv = typeof words === 'string' ? words.split(' ') : words;
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [MAIN, ...argv], {
        env: this.env(env),
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (data) => {
        stdout += data;
      });
      child.stderr.on('data', (data) => {
        stderr += data;
      });
      child.once('error', reject);
      child.once('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
    });
  }

  async json<T>(words: string): Promise<T> {
    const { code, stdout, stderr } = await this.lab(`${words} -o json`);
    if (code !== 0) throw new Error(`lab ${words} ended with ${code}: ${stderr}`);
    return JSON.parse(stdout) as T;
  }

  /** The API itself: what is asked in a loop should not cost a process each time. */
  async get<T>(path: string): Promise<T> {
    const token = (await readFile(join(this.root, 'state/secure/token'), 'utf8')).trim();
    const answer = await fetch(`http://127.0.0.1:${this.port}${path}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  }

  status(): Promise<StatusView> {
    return this.get('/v1/status');
  }

  async service(name: string): Promise<ServiceView> {
    const found = (await this.get<ServiceView[]>('/v1/services')).find((one) => `${one.node}/${one.name}` === name);
    if (found === undefined) throw new Error(`there is no service ${name}`);
    return found;
  }

  async pid(name: string): Promise<number> {
    const { instances } = await this.service(name);
    const pid = instances[0]?.pid;
    if (pid === undefined) throw new Error(`${name} has no process`);
    return pid;
  }

  /** Resolves when the service is healthy in another process than `before`. */
  healthy(name: string, before?: number): Promise<ServiceView> {
    return until(`${name} to be healthy`, async () => {
      const service = await this.service(name);
      return service.health === 'healthy' && service.instances[0]?.pid !== before ? service : undefined;
    });
  }

  /** The newest action of an id in one of these states. */
  action(id: string, ...states: readonly ActionState[]): Promise<ActionView> {
    return until(`${id} to be ${states.join(' or ')}`, async () => {
      const all = await this.get<ActionView[]>(`/v1/actions?state=${states.join(',')}`);
      return all
        .filter((one) => one.id === id)
        .sort((a, b) => (a.ulid < b.ulid ? 1 : -1))
        .at(0);
    });
  }

  /** Files of a folder of actions. */
  folder(state: ActionState): string[] {
    const dir = join(this.root, 'actions', state);
    return existsSync(dir) ? readdirSync(dir).sort() : [];
  }

  file(state: ActionState, name: string): Action {
    return JSON.parse(readFileSync(join(this.root, 'actions', state, name), 'utf8')) as Action;
  }

  /** The whole journal, from its files. */
  journal(): EventView[] {
    const dir = join(this.root, 'events');
    return readdirSync(dir, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.jsonl') && !name.startsWith('inbox'))
      .flatMap((name) => readFileSync(join(dir, name), 'utf8').split('\n'))
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as EventView)
      .sort((a, b) => a.ord - b.ord);
  }

  /** Writes a file of the fleet. */
  async write(path: string, text: string): Promise<void> {
    const full = join(this.repo, path);
    await mkdir(dirname(full), { recursive: true });
    await writeFile(full, text);
  }

  read(path: string): Promise<string> {
    return readFile(join(this.repo, path), 'utf8');
  }

  /** The pid of the daemon that holds the root. */
  daemonPid(): number {
    return (JSON.parse(readFileSync(join(this.root, 'daemon.lock'), 'utf8')) as { pid: number }).pid;
  }

  /** Main processes of the services of this root that live: `node/service` to pid. */
  living(): ReadonlyMap<string, number> {
    const found = new Map<string, number>();
    for (const { pid, env } of processesOf(this.dir)) {
      const { LAB_NODE: node, LAB_SERVICE: service, LAB_INSTANCE: instance } = env;
      if (node === undefined || service === undefined || instance === undefined) continue;
      const name = `${node}/${service}`;
      const known = found.get(name);
      if (known === undefined || pid < known) found.set(name, pid);
    }
    return found;
  }

  async cleanup(): Promise<void> {
    for (const launched of this.#launched) {
      if (launched.over !== undefined) continue;
      const timer = setTimeout(() => void launched.kill9(), 15_000);
      await launched.interrupt();
      clearTimeout(timer);
    }
    for (let tries = 0; tries < 50; tries++) {
      const left = processesOf(this.dir);
      if (left.length === 0) break;
      for (const { pid } of left) kill9(pid);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await rm(this.dir, { recursive: true, force: true });
  }
}

export function kill9(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It was faster.
  }
}

/** Whether a process is there and not only waits to be reaped. */
export function alive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !'ZX'.includes(stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3));
  } catch {
    return false;
  }
}

/** Processes that were started with a root below `dir`. */
function processesOf(dir: string): { pid: number; env: Readonly<Record<string, string>> }[] {
  const found = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isSafeInteger(pid) || pid <= 0 || pid === process.pid) continue;
    try {
      const environ = readFileSync(`/proc/${name}/environ`, 'utf8');
      if (!environ.includes(`LAB_ROOT=${dir}/`) || !alive(pid)) continue;
      const pairs = environ.split('\0').map((pair): [string, string] => {
        const equals = pair.indexOf('=');
        return [pair.slice(0, equals), pair.slice(equals + 1)];
      });
      found.push({ pid, env: Object.fromEntries(pairs) });
    } catch {
      // It ended while we looked, or is somebody else's.
    }
  }
  return found;
}

/** A port with room above it: the launcher gives the services of a fleet numbers from there. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 120) * 100;
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
