import { ACTION_STATES, type ActionState, MOVES, type Move, moveTo, TERMINAL } from '@lab/sdk';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { change, counting, DIR, openHouse, PAUL, patchFor, walk } from './house.ts';
import { Machine } from './power-cut.ts';

const ALL_MOVES: readonly Move[] = ['approve', 'reject', 'cancel', 'start', 'complete', 'fail'];
const WAY: Readonly<Record<ActionState, readonly Move[]>> = {
  pending: [],
  approved: ['approve'],
  running: ['approve', 'start'],
  completed: ['approve', 'start', 'complete'],
  failed: ['approve', 'start', 'fail'],
  rejected: ['reject'],
  cancelled: ['cancel'],
};

describe('the table of moves', () => {
  for (const state of ACTION_STATES) {
    for (const move of ALL_MOVES) {
      const to = (MOVES[state] as Partial<Record<Move, ActionState>>)[move];
      it(`${state} ${move}: ${to ?? 'refused'}`, async () => {
        const { store, disk, moved } = await openHouse(new Machine().disk());
        const action = await walk(store, await store.propose(change(), PAUL), WAY[state]);
        const told = moved.length;
        const attempt = store.move(action.id, action.ulid, move, patchFor(move), PAUL);
        if (to === undefined) {
          await expect(attempt).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining(state) });
          expect(store.find(action.id, action.ulid)?.state).toBe(state);
          expect(moved).toHaveLength(told);
        } else {
          expect(await attempt).toMatchObject({ state: to, ulid: action.ulid });
          expect(moved.at(-1)).toMatchObject({ move, from: state, action: { state: to } });
        }
        const files = (await Promise.all(ACTION_STATES.map((folder) => disk.list(`${DIR}/${folder}`)))).flat();
        const ended = TERMINAL.has(to ?? state);
        expect(files).toEqual([ended ? `${action.id}@${action.ulid}.json` : `${action.id}.json`]);
      });
    }
  }
});

describe('the store', () => {
  it('refuses a second proposal of an open id, and takes one after the first ended', async () => {
    const { store } = await openHouse(new Machine().disk());
    const first = await store.propose(change(), PAUL);
    await expect(store.propose(change(), PAUL)).rejects.toMatchObject({ code: 'conflict' });
    await walk(store, first, ['cancel']);
    const second = await store.propose(change(), PAUL);
    expect(second.ulid).not.toBe(first.ulid);
    expect(store.counts()).toMatchObject({ pending: 1, cancelled: 1 });
  });

  it('never lets the approval of one incident serve the next', async () => {
    const { store } = await openHouse(new Machine().disk());
    const first = await store.propose(change(), PAUL);
    await walk(store, first, ['cancel']);
    await store.propose(change(), PAUL);
    await expect(store.move(first.id, first.ulid, 'approve', patchFor('approve'), PAUL)).rejects.toMatchObject({
      code: 'conflict',
    });
    const unknown = counting(77)();
    await expect(store.move(first.id, unknown, 'approve', patchFor('approve'), PAUL)).rejects.toMatchObject({
      code: 'stale',
    });
    expect(store.get(first.id)?.state).toBe('pending');
  });

  it('has one winner of two concurrent moves, and says who it was', async () => {
    const { store, audit } = await openHouse(new Machine().disk());
    const { id, ulid } = await store.propose(change(), PAUL);
    const both = await Promise.allSettled([
      store.move(id, ulid, 'approve', patchFor('approve'), PAUL),
      store.move(id, ulid, 'approve', patchFor('approve'), { by: 'eva@phone', via: 'api' }),
    ]);
    expect(both.map((one) => one.status)).toEqual(['fulfilled', 'rejected']);
    expect((both[1] as PromiseRejectedResult).reason).toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('paul@saturn'),
    });
    expect((await audit.tail(10)).map((line) => line.what)).toEqual(['propose', 'approve']);
  });

  it('has one winner also where two stores share the folders', async () => {
    const machine = new Machine();
    const one = await openHouse(machine.disk());
    const { id, ulid } = await one.store.propose(change(), PAUL);
    const two = await openHouse(machine.disk());
    const both = await Promise.allSettled([
      one.store.move(id, ulid, 'approve', patchFor('approve'), PAUL),
      two.store.move(id, ulid, 'approve', patchFor('approve'), PAUL),
    ]);
    expect(both.filter((each) => each.status === 'fulfilled')).toHaveLength(1);
  });

  it('writes the audit line before anything moves', async () => {
    const { store, audit, disk } = await openHouse(new Machine().disk());
    const { id, ulid } = await store.propose(change(), PAUL);
    audit.append = () => Promise.reject(new Error('full'));
    await expect(store.move(id, ulid, 'approve', patchFor('approve'), PAUL)).rejects.toThrow('full');
    expect(store.get(id)?.state).toBe('pending');
    expect(await disk.list(`${DIR}/approved`)).toEqual([]);
  });

  it('keeps a bounded history, the newest', async () => {
    const { store, disk } = await openHouse(new Machine().disk(), counting(), 5);
    for (let n = 0; n < 60; n++) await walk(store, await store.propose(change(), PAUL), ['cancel']);
    const kept = await disk.list(`${DIR}/cancelled`);
    expect(kept.length).toBeLessThan(5 + 32);
    expect(store.list(['cancelled'])).toHaveLength(kept.length);
    expect(store.list(['cancelled'], 1)[0]?.ulid).toMatch(/60$/);
  });

  it('agrees with a simple model, also after every restart', async () => {
    const ids = ['redeploy-a-x', 'redeploy-a-y'];
    const step = fc.record({
      id: fc.constantFrom(...ids),
      what: fc.constantFrom<Move | 'propose' | 'restart'>('propose', 'propose', 'restart', ...ALL_MOVES),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const machine = new Machine();
        const ulid = counting();
        let { store } = await openHouse(machine.disk(), ulid);
        const open = new Map<string, { ulid: string; state: ActionState }>();
        const past: string[] = [];
        for (const { id, what } of steps) {
          const model = open.get(id);
          if (what === 'restart') {
            machine.restart('lost');
            ({ store } = await openHouse(machine.disk(), ulid));
          } else if (what === 'propose') {
            const made = await store.propose(change(id), PAUL).catch(() => undefined);
            expect(made === undefined).toBe(model !== undefined);
            if (made !== undefined) open.set(id, { ulid: made.ulid, state: 'pending' });
          } else if (model !== undefined) {
            const to = moveTo(model.state, what);
            const made = await store.move(id, model.ulid, what, patchFor(what), PAUL).catch(() => undefined);
            expect(made?.state).toBe(to);
            if (to !== undefined && TERMINAL.has(to)) {
              open.delete(id);
              past.push(`${id}@${model.ulid} ${to}`);
            } else if (to !== undefined) open.set(id, { ulid: model.ulid, state: to });
          }
          expect(store.open().map((action) => [action.id, action.ulid, action.state])).toEqual(
            [...open]
              .map(([key, value]) => [key, value.ulid, value.state])
              .sort((a, b) => ((a[1] ?? '') < (b[1] ?? '') ? -1 : 1)),
          );
        }
        const ended = store.list(['completed', 'failed', 'rejected', 'cancelled']);
        expect(ended.map((action) => `${action.id}@${action.ulid} ${action.state}`).sort()).toEqual(past.sort());
      }),
      { numRuns: 60 },
    );
  });
});
