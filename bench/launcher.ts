/** `./lab` as people start it, for a machine of a bench's own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { HOME, type Machine } from '../test/e2e/machine.ts';

export const LAUNCHER = join(HOME, 'lab');

/** The environment of a person: the compile cache is the launcher's own. */
export function personEnv(machine: Machine): NodeJS.ProcessEnv {
  const { NODE_COMPILE_CACHE: _cache, LAB_HOME: _home, ...env } = machine.env();
  return env;
}

/** Runs a program to its end; milliseconds. */
export function wall(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const start = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (data) => {
      said += data;
    });
    let ms = 0;
    child.once('exit', () => {
      ms = performance.now() - start;
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(ms);
      else reject(new Error(`${command} ${args.join(' ')} ended with ${code}: ${said}`));
    });
  });
}

export interface Up {
  readonly readyMs: number;
  /** Ctrl-C; resolves when it has ended. */
  stop(): Promise<void>;
}

/** `./lab up` until it prints `ready`. */
export function up(launcher: string, env: NodeJS.ProcessEnv, timeoutMs = 60_000): Promise<Up> {
  const start = performance.now();
  const child = spawn(launcher, ['up'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let out = '';
  let said = '';
  child.stderr.on('data', (data) => {
    said += data;
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGINT');
      reject(new Error(`not ready after ${timeoutMs} ms: ${out}${said}`));
    }, timeoutMs);
    child.once('error', reject);
    child.once('close', (code) => reject(new Error(`lab up ended with ${code}: ${out}${said}`)));
    child.stdout.on('data', (data) => {
      out += data;
      if (!/^ready /m.test(out)) return;
      clearTimeout(timer);
      resolve({ readyMs: performance.now() - start, stop: () => stopped(child, ended) });
    });
  });
}

async function stopped(child: ChildProcess, ended: Promise<void>): Promise<void> {
  child.kill('SIGINT');
  await ended;
}
