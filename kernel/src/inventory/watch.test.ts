import { execFileSync } from 'node:child_process';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FakeClock } from '@lab/sdk/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TempFleet } from '../../testing/temp-fleet.ts';
import { type FleetOutcome, FleetSource } from './watch.ts';

const POLICY = 'inventory/policy.yaml';
const BROKEN = 'policies: [{ target: "*", heal: mayb }]\n';
const AUTO = 'policies: [{ target: "*", heal: auto }]\n';

let temp: TempFleet;
let clock: FakeClock;
let source: FleetSource;
let outcomes: FleetOutcome[];

beforeEach(async () => {
  temp = await TempFleet.make();
  clock = new FakeClock();
  source = new FleetSource({ dir: temp.dir, clock, debounceMs: 200, pollMs: 5_000 });
  outcomes = [];
  source.onChange((outcome) => outcomes.push(outcome));
  await source.reload();
});

afterEach(async () => {
  source.stop();
  await temp[Symbol.asyncDispose]();
});

/** Lets fake time pass until the outcome is there: the files are read in real time. */
async function outcome(count: number, stepMs: number): Promise<FleetOutcome> {
  for (let tries = 0; outcomes.length < count; tries++) {
    if (tries > 500) throw new Error(`${outcomes.length} of ${count} outcomes`);
    await clock.advance(stepMs);
    await new Promise((done) => setTimeout(done, 5));
  }
  return outcomes[count - 1] ?? { problems: [] };
}

test('the same content is the same fleet, other content another', async () => {
  const first = source.fleet;
  expect((await source.reload()).fleet).toBe(first);
  await temp.write({ [POLICY]: AUTO });
  const second = (await source.reload()).fleet;
  expect(second).not.toBe(first);
  expect(second?.nodes.get('piha')?.policy.heal).toBe('auto');
});

test('a broken edit leaves the last good fleet in force, and says why', async () => {
  const good = source.fleet;
  await temp.write({ [POLICY]: BROKEN });
  const { fleet, problems } = await source.reload();
  expect(fleet).toBeUndefined();
  expect(source.fleet).toBe(good);
  expect(problems.map(({ at, message }) => `${at} ${message}`)).toEqual([`${POLICY}:1:27 unknown heal "mayb"`]);
  await temp.write({ [POLICY]: AUTO });
  await source.reload();
  expect([source.problems, source.fleet?.nodes.get('piha')?.policy.heal]).toEqual([[], 'auto']);
});

test('readings that are asked for together are two at most, and the last has what was written before it', async () => {
  const asked = [source.reload()];
  await temp.write({ [POLICY]: AUTO });
  asked.push(source.reload(), source.reload(), source.reload());
  const all = await Promise.all(asked);
  expect(new Set(asked.slice(1)).size).toBe(1);
  expect(all.at(-1)?.fleet?.nodes.get('piha')?.policy.heal).toBe('auto');
});

test('an edit by renaming is seen by the poll, even where nothing is watched', async () => {
  await source.start();
  await writeFile(join(temp.dir, 'inventory/.policy.tmp'), AUTO);
  await rename(join(temp.dir, 'inventory/.policy.tmp'), join(temp.dir, POLICY));
  expect((await outcome(1, 5_000)).fleet?.nodes.get('piha')?.policy.heal).toBe('auto');
  await temp.write({ [POLICY]: BROKEN });
  expect((await outcome(2, 5_000)).fleet).toBeUndefined();
  expect(source.fleet?.nodes.get('piha')?.policy.heal).toBe('auto');
});

test('the system tells of an edit long before the poll', async () => {
  await source.start();
  await temp.write({ [POLICY]: AUTO });
  // Without it, nothing would be known before the poll at five seconds.
  expect((await outcome(1, 10)).fleet?.nodes.get('piha')?.policy.heal).toBe('auto');
  expect(clock.monotonic()).toBeLessThan(5_000);
});

test('a folder that is made anew is watched like the one before', async () => {
  await source.start();
  await rename(join(temp.dir, 'inventory'), join(temp.dir, 'aside'));
  expect((await outcome(1, 10)).fleet).toBeUndefined();
  await rename(join(temp.dir, 'aside'), join(temp.dir, 'inventory'));
  expect((await outcome(2, 10)).fleet).toBe(source.fleet);
  await temp.write({ [POLICY]: AUTO });
  expect((await outcome(3, 10)).fleet?.nodes.get('piha')?.policy.heal).toBe('auto');
  expect(clock.monotonic()).toBeLessThan(5_000);
});

test('what is no part of a fleet leads to nothing', async () => {
  await source.start();
  await temp.write({ '.lab/events/x.jsonl': '{}', 'node_modules/a/index.js': '', 'README.md': 'x', '.git/index': 'x' });
  for (let step = 0; step < 10; step++) {
    await clock.advance(5_000);
    await new Promise((done) => setTimeout(done, 5));
  }
  expect(outcomes).toEqual([]);
});

test('after stop nothing is left behind', async () => {
  await source.start();
  source.stop();
  await temp.write({ [POLICY]: AUTO });
  await new Promise((done) => setTimeout(done, 50));
  await clock.advance(20_000);
  expect([outcomes, clock.waiting]).toEqual([[], 0]);
});

test('the revision is the commit where the files are that commit, and says where they are not', async () => {
  expect(source.fleet?.revision).toMatch(/^files-[0-9a-f]{7}$/);
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', temp.dir, '-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
      encoding: 'utf8',
    }).trim();
  git('init', '-q');
  git('add', '.');
  git('commit', '-qm', 'first');
  const commit = git('rev-parse', '--short=7', 'HEAD');
  await temp.write({ 'notes.txt': 'no part of the fleet' });
  expect((await source.reload()).fleet?.revision).toBe(commit);
  await temp.write({ [POLICY]: AUTO });
  expect((await source.reload()).fleet?.revision).toMatch(new RegExp(`^${commit}\\+[0-9a-f]{7}$`));
});
