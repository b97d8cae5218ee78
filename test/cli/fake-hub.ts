/** A hub in memory on a free loopback port, and two ways to run `lab` against it: in this process, and as a process. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApp } from '@lab/api/app';
import { serve } from '@lab/api/serve';
import { FakeControlPlane } from '@lab/api/testing/fake-control-plane';
import { NOW } from '@lab/api/testing/fixtures';
import { run } from '@lab/cli/run';
import type { Io } from '@lab/cli/terminal/io';
import type { Clock } from '@lab/sdk';
import { FakeClock } from '@lab/sdk/testing';

export const TOKEN = 'a-token-of-more-than-sixteen';
export const MAIN = join(import.meta.dirname, '../../cli/src/main.ts');

/** Stands at the fixtures' instant; what waits is due at once. */
export const instantClock: Clock = {
  now: () => NOW,
  monotonic: () => 0,
  after: (_ms, run) => {
    const handle = setImmediate(run);
    return { cancel: () => clearImmediate(handle) };
  },
  every: () => ({ cancel: () => undefined }),
};

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Terminal {
  readonly columns?: number;
  /** Answers to questions, in order; a terminal only where there are some or columns are given. */
  readonly answers?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Ctrl-C comes when this text appears on stderr. */
  readonly interruptAt?: string;
}

export class FakeHub implements AsyncDisposable {
  readonly plane = new FakeControlPlane();
  readonly root = mkdtempSync(join(tmpdir(), 'lab-cli-'));
  url = '';
  #close: () => Promise<void> = async () => undefined;

  static async start(): Promise<FakeHub> {
    const hub = new FakeHub();
    mkdirSync(join(hub.root, 'state'));
    await hub.listen(0);
    return hub;
  }

  async listen(port: number): Promise<void> {
    const app = createApp({ plane: this.plane, token: TOKEN, version: '0.1.0', clock: new FakeClock(NOW) });
    const served = await serve({ app, port });
    this.url = served.url;
    this.#close = () => served.close();
  }

  close(): Promise<void> {
    return this.#close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
    rmSync(this.root, { recursive: true, force: true });
  }

  env(): Record<string, string> {
    return { LAB_URL: this.url, LAB_TOKEN: TOKEN, LAB_ROOT: this.root, USER: 'ada' };
  }

  /** In this process, with a clock that stands still. */
  async lab(argv: readonly string[], terminal: Terminal = {}): Promise<Ran> {
    const { answers = [], columns, env = {}, interruptAt } = terminal;
    const person = columns !== undefined || answers.length > 0;
    const left = [...answers];
    let out = '';
    let err = '';
    const hearers = new Set<() => void>();
    const io: Io = {
      env: { ...this.env(), ...env },
      clock: instantClock,
      outTerminal: person,
      errTerminal: person,
      inTerminal: person,
      columns,
      out: (text) => {
        out += text;
      },
      err: (text) => {
        err += text;
        if (interruptAt !== undefined && text.includes(interruptAt)) for (const hear of hearers) hear();
      },
      ask: async (question) => {
        err += question;
        return left.shift();
      },
      onInterrupt: (hear) => {
        hearers.add(hear);
        return () => void hearers.delete(hear);
      },
      interruptible: async (work) => {
        const stop = new AbortController();
        const hear = (): void => stop.abort();
        hearers.add(hear);
        try {
          return await work(stop.signal);
        } finally {
          hearers.delete(hear);
        }
      },
    };
    const code = await run(argv, io);
    return { code, out, err };
  }

  /** As a process of its own, without a terminal. */
  spawned(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
    return spawned(argv, { ...this.env(), ...env });
  }
}

export function spawned(argv: readonly string[], env: Readonly<Record<string, string>>): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...argv], {
      env: { PATH: process.env.PATH, TZ: 'UTC', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (data) => {
      out += data;
    });
    child.stderr.on('data', (data) => {
      err += data;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? -1, out, err }));
  });
}
