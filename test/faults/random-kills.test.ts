/**
 * The real daemon killed with SIGKILL at random instants while everything happens at once, LAB_KILLS times (20); the seed is printed and
 * LAB_SEED brings the same draws again; LAB_KEEP names a folder for a copy of the root to look at. After each kill nothing that was known is lost; at the end the five promises hold as a whole.
 */
import { cp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { JournalEvent, StatusView } from '@lab/sdk';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { alive, Machine } from '../e2e/machine.ts';
import { pause, until } from '../e2e/until.ts';
import { DaemonProcess } from './kill/daemon-process.ts';
import { Dice } from './kill/dice.ts';
import { killFleet, SERVICES } from './kill/fleet.ts';
import { births, Ledger } from './kill/ledger.ts';
import { Load } from './kill/load.ts';
import {
  forgotten,
  inTheWay,
  journalOf,
  otherWorlds,
  ownFaults,
  repeated,
  replayedHash,
  unaccounted,
} from './kill/questions.ts';

const KILLS = Number(process.env.LAB_KILLS ?? 20);
const SEED = Number(process.env.LAB_SEED ?? Math.floor(Math.random() * 2 ** 31));
/** From its first breath on: a start takes about one second. */
const EARLY_MS = 1_500;
const LATER_MS = 1_800;

const dice = new Dice(SEED);
const ledger = new Ledger();
let machine: Machine;
let load: Load;
let daemon: DaemonProcess;

beforeAll(async () => {
  process.stdout.write(`${KILLS} kills, LAB_SEED=${SEED}\n`);
  machine = await Machine.make({ fleet: killFleet() });
  load = new Load(machine, dice, ledger);
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
      await load.calm(daemon);
      await load.approveAll(daemon);
      const { settled, services, pending } = await daemon.get<StatusView>('/v1/status');
      const well = services.every(({ health, digest }) => health === 'healthy' && digest.running === digest.desired);
      return settled && well && pending.length === 0;
    },
    60_000,
  ).catch(async (cause: unknown) => {
    const { settling, services, waiting, pending } = await daemon.get<StatusView>('/v1/status');
    const ill = services
      .filter(({ health }) => health !== 'healthy')
      .map(({ node, name, health, sources }) => ({ node, name, health, sources }));
    throw new Error(
      `${String(cause)}\n${JSON.stringify({ settling, ill, waiting, pending }, null, 1)}\n${daemon.said()}`,
    );
  });
}

/** The world that is shown, at an instant at which nothing moves, and that of a replay of the same files. */
async function sameWorld(): Promise<void> {
  await until('a quiet instant at which both worlds are the same', async () => {
    const before = await daemon.get<StatusView>('/v1/status');
    const hash = replayedHash(machine);
    const after = await daemon.get<StatusView>('/v1/status');
    return before.worldHash === after.worldHash && after.worldHash === hash;
  });
}

/** Cheap: what the daemon's files said a moment ago is still there, and what it has not ended lives. */
function afterKill(): void {
  ledger.hear(machine);
  const seen = new Map<string, JournalEvent>();
  const twice = journalOf(machine).filter((event) => seen.has(event.id) || !seen.set(event.id, event));
  expect(
    twice.map((event) => [event, seen.get(event.id)]),
    'events that stand twice',
  ).toEqual([]);
}

it(`after ${KILLS} kills at random everything that was promised holds`, {
  timeout: 60_000 + KILLS * 15_000,
}, async () => {
  daemon = await DaemonProcess.start(machine);
  await daemon.opens();
  await settled();
  await daemon.kill9();
  let early = 0;
  for (let kill = 1; kill <= KILLS; kill++) {
    daemon = await DaemonProcess.start(machine);
    if (dice.roll() < 0.3) {
      early += 1;
      const acting = load.on(daemon);
      await Promise.race([pause(dice.between(0, EARLY_MS)), daemon.ended]);
      expect(daemon.over, `the daemon ended by itself:\n${daemon.said()}`).toBeUndefined();
      await daemon.kill9();
      await acting;
    } else {
      expect(await daemon.opens(), `it opens after kill ${kill - 1}\n${daemon.said()}`).toBe(true);
      const acting = load.on(daemon);
      await Promise.race([pause(dice.between(0, LATER_MS)), daemon.ended]);
      expect(daemon.over, `the daemon ended by itself:\n${daemon.said()}`).toBeUndefined();
      await daemon.kill9();
      await acting;
    }
    afterKill();
    if (dice.roll() < 0.3) load.kill(dice.one(SERVICES) ?? SERVICES[0]);
  }

  daemon = await DaemonProcess.start(machine);
  await daemon.opens();
  await settled();
  await until('the garbage to be set aside', () => inTheWay(machine, ledger).length === 0).catch(() => {});
  expect(inTheWay(machine, ledger), '5. what was garbage').toEqual([]);
  await sameWorld();
  ledger.hear(machine);
  // What came a moment ago is on its way: the inbox is looked at once a second.
  await until('everything to have arrived', () => unaccounted(machine, ledger).length === 0, 5_000).catch(() => {});
  expect(unaccounted(machine, ledger), '1. unaccounted events').toEqual([]);
  expect(repeated(machine, ledger), '2. what was done twice or without a reason').toEqual([]);
  expect(otherWorlds(machine, ledger), '3. worlds that were shown').toEqual([]);
  expect(forgotten(machine, ledger), '4. acknowledged approvals').toEqual([]);
  expect(ownFaults(machine), 'faults of its own').toEqual([]);

  const living = machine.living();
  expect([...living.keys()].toSorted()).toEqual([...SERVICES].toSorted());
  await daemon.kill9();
  await forgetEverythingBut();
  daemon = await DaemonProcess.start(machine);
  await daemon.opens();
  await settled();
  await sameWorld();
  expect(machine.living(), 'adopted, not restarted').toEqual(living);
  for (const pid of living.values()) expect(alive(pid)).toBe(true);

  // The loop goes on.
  load.kill('barn/hen');
  await until('it to be proposed', async () => (await daemon.get<StatusView>('/v1/status')).pending.length === 1);
  await settled();

  const lives = [...births(machine).values()].reduce((sum, { length }) => sum + length, 0);
  const events = journalOf(machine).length;
  process.stdout.write(
    `${KILLS} kills (${early} while it started), ${ledger.acts} acts, ${events} events in the journal, ${ledger.said.size} said by nodes, ` +
      `${ledger.posted.size} posted, ${ledger.approved.size} approvals acknowledged, ${lives} instances, ${ledger.killed.size} killed, ` +
      `${ledger.garbage.size} pieces of garbage, ${ledger.hashes.size} worlds shown: 0 unaccounted, 0 twice\n`,
  );
  expect(ledger.acts).toBeGreaterThan(KILLS);
});

/** All that is a copy of the journal goes, but the oldest snapshot. */
async function forgetEverythingBut(): Promise<void> {
  const state = join(machine.root, 'state');
  for (const name of await readdir(state)) if (name.startsWith('lab.db')) await rm(join(state, name));
  await rm(join(state, 'observer'), { recursive: true, force: true });
  const snapshots = await readdir(join(state, 'snapshots')).catch(() => []);
  const [, ...newer] = snapshots.toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
  for (const name of newer) await rm(join(state, 'snapshots', name));
}
