/** The real daemon as a process of a test's own, without a parent that would wait longer after each death. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, openSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { HOME, type Machine } from '../../e2e/machine.ts';
import { pause } from '../../e2e/until.ts';

export interface Answer<T> {
  readonly status: number;
  readonly body: T;
}

export class DaemonProcess {
  readonly #machine: Machine;
  readonly #child: ChildProcess;
  readonly ended: Promise<string>;
  #how: string | undefined;

  private constructor(machine: Machine, child: ChildProcess) {
    this.#machine = machine;
    this.#child = child;
    this.ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#how = signal ?? `exit code ${code}`;
        resolve(this.#how);
      });
    });
  }

  static async start(machine: Machine): Promise<DaemonProcess> {
    await mkdir(join(machine.root, 'logs'), { recursive: true });
    const output = openSync(join(machine.root, 'logs/daemon.out'), 'a');
    const child = spawn(process.execPath, [join(HOME, 'daemon/src/main.ts')], {
      detached: true,
      env: machine.env(),
      stdio: ['ignore', output, output],
    });
    return new DaemonProcess(machine, child);
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** How it ended, or undefined while it lives. */
  get over(): string | undefined {
    return this.#how;
  }

  /** Resolves with whether it answers before the time is up; rejects where it ended by itself. */
  async opens(withinMs = 30_000): Promise<boolean> {
    const end = performance.now() + withinMs;
    while (performance.now() < end) {
      if (this.#how !== undefined) throw new Error(`the daemon ended by itself (${this.#how}):\n${this.said()}`);
      if ((await this.ask('GET', '/readyz'))?.status === 200) return true;
      await pause(25);
    }
    return false;
  }

  /** Undefined where no answer came: then nothing was acknowledged. */
  async ask<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<Answer<T> | undefined> {
    try {
      const token = readFileSync(join(this.#machine.root, 'state/secure/token'), 'utf8').trim();
      const answer = await fetch(`http://127.0.0.1:${this.#machine.port}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(10_000),
      });
      return { status: answer.status, body: (await answer.json()) as T };
    } catch {
      return undefined;
    }
  }

  async get<T>(path: string): Promise<T> {
    const answer = await this.ask<T>('GET', path);
    if (answer?.status !== 200) throw new Error(`${path}: ${JSON.stringify(answer)}`);
    return answer.body;
  }

  async kill9(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  /** In order, services left running. */
  async end(): Promise<string> {
    this.#child.kill('SIGTERM');
    return this.ended;
  }

  /** The last it said. */
  said(lines = 25): string {
    return ['logs/daemon.out', 'logs/lab.log']
      .map((name) => join(this.#machine.root, name))
      .filter((path) => existsSync(path))
      .map((path) => readFileSync(path, 'utf8').trimEnd().split('\n').slice(-lines).join('\n'))
      .join('\n');
  }
}
