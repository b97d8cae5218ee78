/** The power is cut at every step of an action's way: what was acknowledged is there, what was not is whole or absent. */
import { ACTION_STATES, type ActionState, type Move, moveTo, TERMINAL } from '@lab/sdk';
import { describe, expect, it } from 'vitest';
import { change, counting, DIR, openHouse, PAUL, patchFor } from './house.ts';
import { CUTS, Machine } from './power-cut.ts';

type Step = readonly [id: string, what: Move | 'propose'];
const SCRIPT: readonly Step[] = [
  ['redeploy-a-x', 'propose'],
  ['redeploy-a-x', 'approve'],
  ['redeploy-a-y', 'propose'],
  ['redeploy-a-x', 'start'],
  ['redeploy-a-y', 'reject'],
  ['redeploy-a-x', 'complete'],
  ['redeploy-a-x', 'propose'],
  ['redeploy-a-x', 'cancel'],
  ['redeploy-a-y', 'propose'],
  ['redeploy-a-y', 'approve'],
  ['redeploy-a-y', 'fail'],
];
/** A move that adds nothing is a rename: tried too. */
const patchOf = (what: Move) => (what === 'start' ? {} : patchFor(what));

interface Known {
  /** By ULID: the last state that was acknowledged, and the one that was asked for and not answered. */
  readonly acked: Map<string, ActionState>;
  asked: { ulid: string | undefined; state: ActionState } | undefined;
}

async function play(machine: Machine, ulid: () => string, known: Known): Promise<void> {
  const { store } = await openHouse(machine.disk(), ulid);
  for (const [id, what] of SCRIPT) {
    if (what === 'propose') {
      known.asked = { ulid: undefined, state: 'pending' };
      const made = await store.propose(change(id), PAUL);
      known.acked.set(made.ulid, 'pending');
      continue;
    }
    const open = store.get(id);
    if (open === undefined) throw new Error(`${id} is not open`);
    const state = moveTo(open.state, what) as ActionState;
    known.asked = { ulid: open.ulid, state };
    await store.move(id, open.ulid, what, patchOf(what), PAUL);
    known.acked.set(open.ulid, state);
  }
}

async function stepsOfScript(): Promise<number> {
  const machine = new Machine();
  await play(machine, counting(), { acked: new Map(), asked: undefined });
  return machine.steps;
}

describe('a power cut at every step', () => {
  for (const cut of CUTS) {
    it(`what was not synced is ${cut}`, async () => {
      const steps = await stepsOfScript();
      expect(steps).toBeGreaterThan(100);
      for (let budget = 0; budget <= steps; budget++) {
        const machine = new Machine();
        const ulid = counting();
        machine.budget = budget;
        const known: Known = { acked: new Map(), asked: undefined };
        await play(machine, ulid, known).catch(() => {});
        machine.restart(cut);
        await expectWhole(machine, ulid, known, `${cut} after ${budget}`);
      }
    });
  }

  it('also where the start after the first cut is cut too', async () => {
    const steps = await stepsOfScript();
    for (let budget = 7; budget <= steps; budget += 5) {
      for (let second = 1; second <= 12; second++) {
        const machine = new Machine();
        const ulid = counting();
        machine.budget = budget;
        const known: Known = { acked: new Map(), asked: undefined };
        await play(machine, ulid, known).catch(() => {});
        machine.restart('kept');
        machine.budget = machine.steps + second;
        await openHouse(machine.disk(), ulid).catch(() => {});
        machine.restart('lost');
        await expectWhole(machine, ulid, known, `${budget}, then ${second}`);
      }
    }
  });
});

async function expectWhole(machine: Machine, ulid: () => string, known: Known, at: string): Promise<void> {
  const { store, audit, quarantined, disk } = await openHouse(machine.disk(), ulid);
  expect(quarantined, at).toEqual([]);
  for (const [id, state] of known.acked) {
    const found = store.list().find((action) => action.ulid === id);
    const allowed = known.asked?.ulid === id ? [state, known.asked.state] : [state];
    expect(allowed, `${at}: ${id}`).toContain(found?.state);
  }
  const extra = store.list().filter((action) => !known.acked.has(action.ulid));
  expect(extra.length, at).toBeLessThanOrEqual(known.asked?.ulid === undefined ? 1 : 0);
  for (const action of store.open()) expect(action.approval === undefined, at).toBe(action.state === 'pending');
  const files = (await Promise.all(ACTION_STATES.map((folder) => disk.list(`${DIR}/${folder}`)))).flat();
  expect(files.length, at).toBe(store.list().length);
  expect(await audit.verify(), at).toMatchObject({ ok: true });
  await expectAuditAgrees(store.list(), audit, at);
  // It goes on from there.
  for (const action of store.open()) {
    const moves: readonly Move[] = action.state === 'running' ? ['fail'] : ['cancel'];
    for (const move of moves) await store.move(action.id, action.ulid, move, patchFor(move), PAUL);
  }
  await store.propose(change('redeploy-a-x'), PAUL);
  // Nothing is reconciled twice.
  const lines = (await audit.tail(1_000)).length;
  const again = await openHouse(machine.disk(), ulid);
  expect((await again.audit.tail(1_000)).length, at).toBe(lines);
}

async function expectAuditAgrees(
  actions: readonly { ulid: string; state: ActionState }[],
  audit: {
    tail(limit: number): Promise<readonly { ulid?: string | undefined; what: string; note?: string | undefined }[]>;
  },
  at: string,
): Promise<void> {
  const says = new Map<string, string>();
  for (const line of await audit.tail(1_000)) {
    if (line.ulid === undefined) continue;
    const reconciled = line.what === 'reconciled' ? line.note?.split(';')[0] : undefined;
    const moved = ACTION_STATES.map((state) => moveTo(state, line.what as Move)).find((to) => to !== undefined);
    says.set(line.ulid, reconciled ?? moved ?? 'pending');
  }
  for (const { ulid, state } of actions) expect(says.get(ulid), `${at}: ${ulid}`).toBe(state);
  for (const [ulid, state] of says) {
    const there = actions.some((action) => action.ulid === ulid);
    expect(there || state === 'gone' || TERMINAL.has(state as ActionState), `${at}: ${ulid} ${state}`).toBe(true);
  }
}
