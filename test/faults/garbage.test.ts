/**
 * Every file that a daemon reads, spoilt while it is down: it starts, says what it could not read, leaves alone what lives, loses nothing
 * else, and the loop goes on: a service that dies is proposed, approved and healed.
 */
import { existsSync, readFileSync } from 'node:fs';
import { appendFile, cp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { ActionView, JournalEvent, StatusView } from '@lab/sdk';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { Machine } from '../e2e/machine.ts';
import { until } from '../e2e/until.ts';
import { DaemonProcess } from './kill/daemon-process.ts';
import { Dice } from './kill/dice.ts';
import { killFleet } from './kill/fleet.ts';
import { births, dataOf, Ledger } from './kill/ledger.ts';
import { Load } from './kill/load.ts';
import { journalOf, replayedHash } from './kill/questions.ts';
import { folderInstead, KINDS, type Kind, logEnd, longLine, matching, put, words } from './kill/spoil.ts';

/** What is read of all that is below a root, apart from the streams of events themselves. */
const OF_THE_HUB = [
  'audit/*.jsonl',
  'events/journal.json',
  'state/audit-anchor.json',
  'state/bundles/*.json',
  'state/generations.json',
  'state/snapshots/*',
  'actions/completed/*.json',
];
const OF_AN_EDGE = [
  'edge/desired.json',
  'edge/approved.json',
  'edge/snapshot.json',
  'edge/time-floor.json',
  'edge/log/log.json',
  'edge/bundles/*/bundle.json',
  'edge/runs/*.json',
  'edge/plugins/provider.process/*.json',
];
/** Nobody misses what was in them: they are made anew without a word. */
const UNMISSED = [
  'daemon.lock',
  'state/hub.json',
  'state/lab.db*',
  'state/observer/*',
  'state/pulse',
  'state/plugins.json',
  'state/secure/token',
  'world/*.json',
];
const UNMISSED_OF_AN_EDGE = ['edge/log/acked.json', 'edge/log/reserve', 'edge/bundles/*/files/*', 'world/*.json'];

const HEN = 'barn/hen';
const HUNDRED_MB = 100 * 1024 * 1024;

let machine: Machine;
let daemon: DaemonProcess;
let load: Load;

beforeEach(async () => {
  // The next test is not to suffer for the one before.
  if (daemon?.over === undefined && daemon !== undefined) return;
  await machine?.cleanup();
  machine = await Machine.make({ fleet: killFleet() });
  load = new Load(machine, new Dice(1), new Ledger());
  daemon = await DaemonProcess.start(machine);
  await daemon.opens();
  await settled();
});
afterAll(async () => {
  await daemon?.kill9();
  if (process.env.LAB_KEEP !== undefined) await cp(machine.root, process.env.LAB_KEEP, { recursive: true });
  await machine?.cleanup();
});

async function settled(): Promise<void> {
  await until(
    'every service to be well',
    async () => {
      await load.approveAll(daemon);
      const { settled, services, pending } = await daemon.get<StatusView>('/v1/status');
      const well = services.length === 6 && services.every(({ health }) => health === 'healthy');
      return settled && well && pending.length === 0;
    },
    30_000,
  ).catch(async (cause: unknown) => {
    const status = await daemon.ask<StatusView>('GET', '/v1/status');
    const open = await daemon.ask<ActionView[]>('GET', '/v1/actions?state=pending,approved,running');
    const { settling, waiting } = status?.body ?? {};
    throw new Error(
      `${String(cause)}\n${JSON.stringify({ settling, waiting, open: open?.body }, null, 1)}\n${daemon.said()}`,
    );
  });
}

const at = (path: string): string => join(machine.root, path);

/** All files of the patterns, of the hub and of every node. */
function files(ofTheHub: readonly string[], ofAnEdge: readonly string[]): string[] {
  const everywhere = ofAnEdge.flatMap((pattern) => [pattern, `nodes/*/${pattern}`]);
  return [...new Set(matching(machine.root, [...ofTheHub, ...everywhere]))];
}

/** The daemon goes, `spoil` happens, the next one comes: what lived lives, what stood stands, what dies is healed. */
async function survives(
  spoil: () => Promise<unknown>,
  lost: (event: JournalEvent) => boolean = () => false,
): Promise<string> {
  const living = machine.living();
  const before = journalOf(machine).filter((event) => !lost(event));
  const from = logEnd(machine.root);
  await daemon.kill9();
  await spoil();
  daemon = await DaemonProcess.start(machine);
  expect(await daemon.opens(), `it opens:\n${daemon.said()}`).toBe(true);
  await settled();
  expect(machine.living(), 'what lived is adopted').toEqual(living);
  const after = new Set(journalOf(machine).map(({ id }) => id));
  expect(
    before.filter(({ id }) => !after.has(id)),
    'events that are lost',
  ).toEqual([]);
  await heals();
  await until('the world to be that of a replay', async () => {
    const { worldHash } = await daemon.get<StatusView>('/v1/status');
    return worldHash === replayedHash(machine);
  });
  return words(machine.root, from);
}

/** A service is sick, which is proposed, and well again; another dies, which is proposed; a person approves; it runs in another process. */
async function heals(): Promise<void> {
  const proposed = async (id: string): Promise<boolean> =>
    (await daemon.get<ActionView[]>('/v1/actions?state=pending')).some((action) => action.id === id);
  const sick = join(dataOf(machine, 'hut/stove'), 'sick');
  await writeFile(sick, '');
  await until('the proposal for what is sick', () => proposed('redeploy-hut-stove'));
  await rm(sick);
  await until('it to be cancelled', async () => !(await proposed('redeploy-hut-stove')));
  const dead = machine.living().get(HEN);
  load.kill(HEN);
  await until('the proposal for what died', () => proposed('container-restart-barn-hen'));
  await settled();
  expect(machine.living().get(HEN)).not.toBe(dead);
}

/** The file is named, or what it is for. */
function expectWords(said: string, paths: readonly string[]): void {
  const silent = paths.filter(
    (path) =>
      !said.includes(basename(path)) && !NAMED_SO.some(([part, word]) => path.includes(part) && said.includes(word)),
  );
  expect(silent, 'files of which nothing is said').toEqual([]);
}

const NAMED_SO = [
  ['audit', 'audit: '],
  ['state/generations.json', 'generations-'],
] as const;

it('every file that is read at once is a folder', async () => {
  const paths = files(
    ['events/journal.json', 'state/generations.json', 'ports.json', 'state/lab.db'],
    ['edge/desired.json', 'edge/approved.json', 'edge/log/log.json', 'edge/time-floor.json'],
  );
  await survives(async () => {
    for (const path of paths) await folderInstead(at(path));
  });
});

it('what holds the ports is spoilt: services that live keep theirs', async () => {
  const said = await survives(() => KINDS.binary(at('ports.json')));
  expect(said).toContain('ports.json');
  // The book and what runs differ from now on: the tests below have a machine of their own.
  await daemon.kill9();
});

for (const kind of Object.keys(KINDS) as Kind[]) {
  it(`every file at once is ${kind}`, async () => {
    const paths = files(OF_THE_HUB, OF_AN_EDGE);
    expect(paths.length).toBeGreaterThan(20);
    const said = await survives(async () => {
      for (const path of [...paths, ...files(UNMISSED, UNMISSED_OF_AN_EDGE)]) await KINDS[kind](at(path));
    });
    // An audit that is empty, and its anchor too, is one that has not begun.
    expectWords(said, kind === 'empty' ? paths.filter((path) => !path.includes('audit')) : paths);
    if (kind === 'binary') expect(said).toContain('lab.db');
  });
}

it('the journal ends in half a line, and in 100 MB of one line', async () => {
  const tail = (): string => at(matching(machine.root, ['events/[0-9]*/*.jsonl']).at(-1) ?? '');
  const half = await survives(() =>
    appendFile(tail(), '{"ord":99999,"receivedAt":"2999-01-01T00:00:00.000Z","id":"abc'),
  );
  expect(half).toMatch(/jsonl is torn/);
  const long = await survives(() => longLine(tail(), HUNDRED_MB, 'a'));
  expect(long.match(/jsonl is torn/g)?.length).toBeGreaterThan(1);
});

it('a line in the middle of the journal is binary, and its cache is gone: every other event stands', async () => {
  const path = at(matching(machine.root, ['events/[0-9]*/*.jsonl']).at(-1) ?? '');
  const spoilt = journalOf(machine).findLast(({ type }) => type === 'action_output')?.ord;
  const said = await survives(
    async () => {
      const lines = (await readFile(path, 'latin1')).split('\n');
      const index = lines.findIndex((line) => line.startsWith(`{"ord":${spoilt},`));
      lines[index] = '\u0000\u00ff\u00fe'.repeat(50);
      await writeFile(path, lines.join('\n'), 'latin1');
      for (const file of matching(machine.root, ['state/lab.db*'])) await rm(at(file));
    },
    ({ ord }) => ord === spoilt,
  );
  expect(said).toContain('a damaged line was left out');
});

it("a node's log: 100 MB of one line, what is no event, and what no node may say", async () => {
  const path = (cls: string): string => at(matching(machine.root, [`nodes/barn/edge/log/${cls}/*.jsonl`]).at(-1) ?? '');
  const newest = (cls: string) =>
    JSON.parse(readFileSync(path(cls), 'utf8').trimEnd().split('\n').at(-1) ?? '') as JournalEvent;
  const strange: string[] = [];
  const said = await survives(async () => {
    const last = newest('control');
    const add = (more: Record<string, unknown>): void => {
      const seq = last.seq + strange.length + 1;
      strange.push(JSON.stringify({ ...last, id: `${last.log}.c${seq}`, seq, ...more }));
    };
    add({ type: 'of_the_future', at: '2999-01-01T00:00:00.000Z', data: { deep: [[[[]]]] } });
    add({ type: 'node_started', at: '1970-01-01T00:00:01.000Z', data: { bootId: 'x', kept: [], adopted: [] } });
    add({ node: 'solaria', type: 'node_started', data: { bootId: 'x', kept: [], adopted: [] } });
    add({ type: 'action_run_failed', data: { id: '../../../etc/passwd', ulid: '..', run: '..', reason: 'x' } });
    add({ type: 'hold_set', data: { node: 'hut', service: 'stove', by: 'barn', why: 'a node may not' } });
    // The same line again, which has a place already.
    await appendFile(path('control'), `${strange.join('\n')}\n${strange[0]}\n`);
    await longLine(path('health'), HUNDRED_MB, 'a');
    await appendFile(path('bulk'), new Uint8Array([0, 255, 254, 10, 0, 10]));
  });
  expect(said).toMatch(/jsonl is torn/);
  const journal = journalOf(machine);
  expect(journal.filter(({ type }) => type === 'of_the_future')).toHaveLength(1);
  expect(journal.filter(({ node, at: when }) => node === 'barn' && when.startsWith('1970'))).toHaveLength(1);
  expect(journal.filter(({ node }) => node === 'solaria')).toEqual([]);
  expect((await daemon.get<StatusView>('/v1/status')).services.every(({ held }) => held === undefined)).toBe(true);
});

it("the whole of a node's log is binary: it begins a new one, and what it runs is left alone", async () => {
  await survives(async () => {
    for (const path of matching(machine.root, ['nodes/barn/edge/log/*/*.jsonl'])) await KINDS.binary(at(path));
  });
});

it('the record of a run under way is cut off: the run ends as unknown, and is not repeated', async () => {
  const dead = machine.living().get(HEN);
  await writeFile(join(dataOf(machine, HEN), 'sick'), '');
  load.kill(HEN);
  const action = await until('the proposal', async () =>
    (await daemon.get<ActionView[]>('/v1/actions?state=pending')).find(({ id }) => id === 'container-restart-barn-hen'),
  );
  await load.approveAll(daemon);
  // It has made an instance, which is sick, and so the run waits to be confirmed.
  await until('the new instance', () => (machine.living().get(HEN) ?? dead) !== dead);
  const run = await until(
    'its run',
    async () =>
      journalOf(machine).findLast(({ type, data }) => type === 'action_run_executed' && data.ulid === action.ulid)?.data
        .run,
  );
  const made = machine.living().get(HEN);
  await daemon.kill9();
  await KINDS['cut off'](at(`nodes/barn/edge/runs/${String(run)}.json`));
  await rm(join(dataOf(machine, HEN), 'sick'));
  daemon = await DaemonProcess.start(machine);
  await daemon.opens();
  const failed = await until('the action to be failed', async () =>
    (await daemon.get<ActionView[]>('/v1/actions?state=failed')).find(({ ulid }) => ulid === action.ulid),
  );
  expect(failed.outcome?.reason).toBe('unknown');
  await settled();
  expect(machine.living().get(HEN), 'what it made lives on').toBe(made);
  expect((births(machine).get(HEN) ?? []).filter((birth) => birth.run === run)).toHaveLength(1);
});

it('files of the inbox: 100 MB in one line, binary, a bomb of brackets', async () => {
  const drop = async (name: string, make: (path: string) => Promise<void>): Promise<void> => {
    await make(join(machine.dir, name));
    await rename(join(machine.dir, name), at(`events/inbox/${name}`));
  };
  const from = logEnd(machine.root);
  await drop('long.jsonl', (path) => longLine(path, HUNDRED_MB));
  await drop('binary.jsonl', (path) => put(path, new Uint8Array([1, 2, 0, 255])));
  await drop('deep.jsonl', (path) => put(path, `{"node":"barn","type":"deep_seen","data":${'['.repeat(200_000)}\n`));
  await drop('good.jsonl', (path) => put(path, '{"node":"barn","type":"good_seen","data":{"n":1}}\n'));
  await until('all of them to be taken', () =>
    ['long', 'binary', 'deep', 'good'].every((name) => !existsSync(at(`events/inbox/${name}.jsonl`))),
  );
  expectWords(words(machine.root, from), ['long.jsonl', 'binary.jsonl', 'deep.jsonl']);
  expect(journalOf(machine).filter(({ type }) => type === 'good_seen')).toHaveLength(1);
  await heals();
});

const BOMB = `a: &a [x, x, x, x, x, x, x, x, x]\n${'bcdefghij'
  .split('')
  .map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghij'[index]}`).join(', ')}]\n`)
  .join('')}plugins: *j\n`;
const SPOILT: Readonly<Record<string, string>> = {
  'lab.yaml': BOMB,
  'inventory/policy.yaml': '\u0000\u0001 policies: {{{',
  'inventory/topology.yaml': `nodes: ${'['.repeat(100_000)}`,
  'hosts/barn/services.yaml': 'services: { ../../etc: {}, hen: !!js/function "x" }\n',
  'services/hen/service.yaml': 'process: { command: 7 }\n- no\n',
};

it('a revision of garbage is not in force, whatever is in it; the fleet that was goes on; a start with it says why it ends', async () => {
  const good = killFleet();
  const living = machine.living();
  for (const [path, text] of Object.entries(SPOILT)) {
    await machine.write(path, text);
    await until(`${path} to be refused`, async () => {
      const { problems } = await daemon.get<StatusView>('/v1/status');
      return problems.some((problem) => problem.at.startsWith(path));
    });
    await machine.write(path, good[path] ?? '');
    await until(
      'the good one to be in force',
      async () => (await daemon.get<StatusView>('/v1/status')).problems.length === 0,
    );
  }
  expect(machine.living()).toEqual(living);
  for (const [path, text] of Object.entries(SPOILT)) await machine.write(path, text);
  await heals();
  const now = machine.living();
  await daemon.kill9();
  const refused = await DaemonProcess.start(machine);
  expect(await refused.ended).toMatch(/^exit code [1-9]/);
  expect(refused.said()).toContain('lab.yaml');
  expect(machine.living(), 'services live on').toEqual(now);
  for (const path of Object.keys(SPOILT)) await machine.write(path, good[path] ?? '');
  daemon = await DaemonProcess.start(machine);
  await daemon.opens();
  await settled();
  expect(machine.living(), 'and are adopted').toEqual(now);
});
