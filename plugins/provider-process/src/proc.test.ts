import { spawn } from 'node:child_process';
import { testRun } from '@lab/sdk/testing';
import { expect, it } from 'vitest';
import { Bench } from '../testing/bench.ts';
import { ageMs, lives, parseStat, readStat } from './proc.ts';

const FIELDS = `S 1 2 3 ${Array.from({ length: 15 }, () => 0).join(' ')} 4711 0 0`;

it.each(['sleep', 'a b', ') S 9 9 9', '((', ''])('reads the stat of a program named "%s"', (name) => {
  expect(parseStat(7, `7 (${name}) ${FIELDS}`)).toEqual({ pid: 7, state: 'S', session: 3, startTicks: 4711 });
});

it('knows nothing from what is no stat', () => {
  expect(parseStat(7, '')).toBeUndefined();
  expect(parseStat(7, '7 (sleep) S 1')).toBeUndefined();
});

it('knows a process by pid and start time', () => {
  const child = spawn('sleep', ['600']);
  try {
    const stat = readStat(child.pid ?? 0);
    expect(stat).toBeDefined();
    if (stat === undefined) return;
    expect(lives(stat.pid, stat.startTicks)).toBe(true);
    expect(lives(stat.pid, stat.startTicks + 1)).toBe(false);
    expect(ageMs(stat.startTicks)).toBeLessThan(60_000);
  } finally {
    child.kill('SIGKILL');
  }
});

it('tells of a death well within a second', async () => {
  const bench = await Bench.make({ pollMs: 100 });
  try {
    const provider = await bench.started();
    const took: number[] = [];
    for (let round = 0; round < 10; round++) {
      const { instance } = await provider.deploy(bench.sh('web', 'exec sleep 600'), testRun(`r${round}`));
      const [pid = 0] = await bench.pids('web');
      const at = performance.now();
      process.kill(pid, 'SIGKILL');
      await bench.facts.until((fact) => fact.type === 'containers_not_running' && fact.data.instance === instance);
      took.push(performance.now() - at);
    }
    expect(Math.max(...took)).toBeLessThan(500);
  } finally {
    await bench.cleanup();
  }
});
