/**
 * The second start: `./lab up` on a root that was stopped in order, until `ready`, when every service that ran is running again and
 * was found healthy. Beside it the same programs with the same environment, started by hand all at once, until each listens.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { Machine } from '../test/e2e/machine.ts';
import { pause } from '../test/e2e/until.ts';
import { LAUNCHER, personEnv, up } from './launcher.ts';
import { type Asked, type BenchResult, cost, interleave } from './result.ts';

const ROUNDS = 7;

interface Program {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly ports: readonly number[];
}

export async function secondStart({ quick }: Asked): Promise<BenchResult[]> {
  const machine = await Machine.make();
  try {
    const env = personEnv(machine);
    const first = await up(LAUNCHER, env);
    const programs = [...machine.living().values()].map(programOf);
    await first.stop();
    const medians = await interleave(
      quick ? 2 : ROUNDS,
      async () => {
        const again = await up(LAUNCHER, env);
        const running = machine.living().size;
        await again.stop();
        if (running !== programs.length) throw new Error(`${running} of ${programs.length} services run again`);
        return again.readyMs / 1_000;
      },
      async () => (await byHand(programs)) / 1_000,
    );
    return [
      cost('second lab up to ready', 's', medians, {
        bar: { of: 'ours', most: 5 },
        note: `${programs.length} services running again and healthy; beside the same ${programs.length} programs started by hand until each listens`,
      }),
    ];
  } finally {
    await machine.cleanup();
  }
}

function programOf(pid: number): Program {
  const list = (name: string): string[] => readFileSync(`/proc/${pid}/${name}`, 'utf8').split('\0').slice(0, -1);
  const env = Object.fromEntries(
    list('environ').map((pair): [string, string] => {
      const equals = pair.indexOf('=');
      return [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  );
  const ports = Object.entries(env).flatMap(([name, value]) => (/^PORT_/.test(name) ? [Number(value)] : []));
  return { argv: list('cmdline'), cwd: readlinkSync(`/proc/${pid}/cwd`), env, ports };
}

async function byHand(programs: readonly Program[]): Promise<number> {
  const start = performance.now();
  const children = programs.map(({ argv: [command = '', ...args], cwd, env }) =>
    spawn(command, args, { cwd, env, stdio: 'ignore' }),
  );
  try {
    await Promise.all(programs.flatMap(({ ports }) => ports.map(listening)));
    return performance.now() - start;
  } finally {
    await Promise.all(children.map(ended));
  }
}

async function listening(port: number): Promise<void> {
  for (let tries = 0; tries < 5_000; tries++) {
    const there = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (there) return;
    await pause(4);
  }
  throw new Error(`nothing listens on ${port}`);
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('close', () => resolve());
    child.kill('SIGKILL');
  });
}
