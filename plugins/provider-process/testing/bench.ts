/** A root of its own for tests with real processes: providers on it, as after a kill or a new boot, and nothing left afterwards. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServiceSpec } from '@lab/sdk';
import { FileStore, KeptFacts, KeptLog, processSpec, RealClock } from '@lab/sdk/testing';
import { lives, markedProcesses } from '../src/proc.ts';
import { type ProcessConfig, ProcessProvider } from '../src/provider.ts';

type ProcessInput = Parameters<typeof processSpec>[1];

const NODE = 'piha';
const QUICK: ProcessConfig = { stableMs: 150, pollMs: 50, rotateBytes: 4_096, capBytes: 65_536, kept: 2 };

export class Bench {
  readonly root: string;
  readonly facts = new KeptFacts();
  readonly log = new KeptLog();
  readonly store = new FileStore();
  readonly config: ProcessConfig;
  bootId = 'boot-1';
  /** The daemon dies at the write with this number (from 0), before or after it reached the disk. */
  dieAt: { readonly write: number; readonly written: boolean } | undefined;
  readonly died = Promise.withResolvers<void>();
  #writes = 0;
  /** A provider that was replaced says nothing more: it was killed. */
  #current = 0;
  #providers: ProcessProvider[] = [];

  constructor(root: string, config: Partial<ProcessConfig>) {
    this.root = root;
    this.config = { ...QUICK, ...config };
  }

  static async make(config: Partial<ProcessConfig> = {}): Promise<Bench> {
    return new Bench(await mkdtemp(join(tmpdir(), 'lab-process-')), config);
  }

  get stateDir(): string {
    return join(this.root, 'state');
  }

  /** The provider of the next daemon on this root. */
  provider(): ProcessProvider {
    this.#writes = 0;
    const mine = ++this.#current;
    const provider = new ProcessProvider(this.config, {
      clock: new RealClock(),
      log: this.log,
      store: {
        read: (path) => this.store.read(path),
        list: (dir) => this.store.list(dir),
        remove: async (path) => (mine === this.#current ? this.store.remove(path) : undefined),
        replace: async (path, data) => {
          if (mine !== this.#current) return;
          const dies = this.dieAt?.write === this.#writes++ ? this.dieAt : undefined;
          if (dies?.written !== false) await this.store.replace(path, data);
          if (dies !== undefined) await this.#death();
        },
      },
      emit: async (fact) => (mine === this.#current ? this.facts.emit(fact) : { id: 'dead', seq: 0 }),
      place: {
        node: NODE,
        root: this.root,
        stateDir: this.stateDir,
        logsDir: join(this.root, 'logs'),
        bootId: this.bootId,
      },
    });
    this.#providers.push(provider);
    return provider;
  }

  /** What comes after it in the program never happens. */
  #death(): Promise<never> {
    this.#current++;
    this.dieAt = undefined;
    this.died.resolve();
    return new Promise(() => undefined);
  }

  async started(): Promise<ProcessProvider> {
    const provider = this.provider();
    await provider.start(new AbortController().signal);
    return provider;
  }

  spec(service: string, process: ProcessInput, rest: Parameters<typeof processSpec>[2] = {}): ServiceSpec {
    return processSpec(service, process, { node: NODE, bundleDir: this.root, dataDir: this.root, ...rest });
  }

  /** A shell script as a service. */
  sh(service: string, script: string, more: Partial<ProcessInput> = {}): ServiceSpec {
    return this.spec(service, { command: ['sh', '-c', script], ...more });
  }

  /** Pids of everything that carries the marker of a service of this root. */
  async pids(service?: string): Promise<number[]> {
    const all = await markedProcesses(this.root, NODE);
    return all.filter(({ marker }) => service === undefined || marker.service === service).map(({ pid }) => pid);
  }

  /** Ends everything that this root started. */
  async killAll(): Promise<void> {
    for (const { pid, startTicks } of await markedProcesses(this.root, NODE)) {
      if (lives(pid, startTicks)) process.kill(pid, 'SIGKILL');
    }
    await until(async () => (await this.pids()).length === 0);
  }

  async cleanup(): Promise<void> {
    for (const provider of this.#providers) void provider.stop();
    await this.killAll();
    await rm(this.root, { recursive: true, force: true });
  }
}

/** Waits for something outside that nobody tells us of. */
export async function until(holds: () => boolean | Promise<boolean>, withinMs = 10_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`it did not come to be within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
