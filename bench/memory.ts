/**
 * What a daemon costs while nothing happens: anonymous memory (what is its own; the rest is mapped files) and processor time, with
 * a fleet of one node and one service as `lab new` writes it, and with the example fleet. Beside a bare Node that idles at the same time.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Machine } from '../test/e2e/machine.ts';
import { pause, until } from '../test/e2e/until.ts';
import { type Asked, type BenchResult, cost, median } from './result.ts';

const SETTLE_MS = 30_000;
const WATCH_MS = 60_000;
const SAMPLES = 6;
/** Of `/proc/<pid>/stat`: USER_HZ is 100 on every Linux that Node runs on. */
const TICKS_PER_S = 100;

export async function memory({ quick }: Asked): Promise<BenchResult[]> {
  const [settleMs, watchMs] = quick ? [5_000, 10_000] : [SETTLE_MS, WATCH_MS];
  const small = await Machine.make({ fleet: {} });
  const example = await Machine.make();
  try {
    await rm(small.repo, { recursive: true, force: true });
    await ran(small, ['new', small.repo]);
    const one = await idle(small, settleMs, watchMs, async () => {
      await ran(small, ['apply', '--yes']);
      await until('the service to run', async () =>
        (await small.status()).services.every(({ health }) => health === 'healthy'),
      );
    });
    const six = await idle(example, settleMs, watchMs);
    return [
      ...results('one node', one, watchMs),
      ...results('the example fleet, an edge for each of its 5 nodes', six, watchMs),
    ];
  } finally {
    await small.cleanup();
    await example.cleanup();
  }
}

interface Idle {
  readonly daemon: Figures;
  readonly bare: Figures;
}

interface Figures {
  readonly anonMb: number;
  readonly cpuPercent: number;
}

function results(what: string, { daemon, bare }: Idle, watchMs: number): BenchResult[] {
  return [
    cost(`anonymous memory, ${what}`, 'MB', { ours: daemon.anonMb, baseline: bare.anonMb }),
    cost(
      `idle processor time, ${what}`,
      '% of a core',
      { ours: daemon.cpuPercent, baseline: bare.cpuPercent },
      { note: `over ${watchMs / 1_000} s; beside an idle bare Node` },
    ),
  ];
}

async function ran(machine: Machine, words: readonly string[]): Promise<void> {
  const { code, stderr } = await machine.lab(words);
  if (code !== 0) throw new Error(`lab ${words.join(' ')} ended with ${code}: ${stderr}`);
}

/** Of a second start: at the first one after an update Node strips types, and keeps the memory that this took. */
async function idle(machine: Machine, settleMs: number, watchMs: number, prepare?: () => Promise<void>): Promise<Idle> {
  const first = await machine.up();
  await prepare?.();
  await first.interrupt();
  const running = await machine.up();
  const bare = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  try {
    await pause(settleMs);
    const pids = { daemon: machine.daemonPid(), bare: bare.pid ?? 0 };
    const before = { daemon: cpuSeconds(pids.daemon), bare: cpuSeconds(pids.bare) };
    const start = performance.now();
    const anon = { daemon: [] as number[], bare: [] as number[] };
    for (let sample = 0; sample < SAMPLES; sample++) {
      await pause(watchMs / SAMPLES);
      anon.daemon.push(anonMb(pids.daemon));
      anon.bare.push(anonMb(pids.bare));
    }
    const seconds = (performance.now() - start) / 1_000;
    const figures = (of: 'daemon' | 'bare'): Figures => ({
      anonMb: median(anon[of]),
      cpuPercent: ((cpuSeconds(pids[of]) - before[of]) / seconds) * 100,
    });
    return { daemon: figures('daemon'), bare: figures('bare') };
  } finally {
    await ended(bare);
    await running.interrupt();
  }
}

function anonMb(pid: number): number {
  const [, kb] = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kb) / 1_024;
}

function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('close', () => resolve());
    child.kill('SIGKILL');
  });
}
