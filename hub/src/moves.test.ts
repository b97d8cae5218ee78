import { makeApproval } from '@lab/kernel/actions/approve';
import { ACTION_STATES, type ActionRow, type ActionState, type Move, type StatedAction } from '@lab/sdk';
import { beforeEach, describe, expect, it } from 'vitest';
import { ANNA, HubHouse, redeploy } from '../testing/hub-house.ts';
import { cancelUnspoken, reconcile } from './moves.ts';

/** Every way through the table, by the state in which it ends. */
const WAYS: Readonly<Record<ActionState, readonly (readonly Move[])[]>> = {
  pending: [[]],
  approved: [['approve']],
  running: [['approve', 'start']],
  completed: [['approve', 'start', 'complete']],
  failed: [
    ['approve', 'fail'],
    ['approve', 'start', 'fail'],
  ],
  rejected: [['reject']],
  cancelled: [['cancel'], ['approve', 'cancel']],
};

describe('moves that a crash left unsaid', () => {
  let house: HubHouse;

  const outcome = { at: '2026-01-01T00:00:00.000Z', reason: 'because', until: '2026-01-02T00:00:00.000Z' };
  const patch = (move: Move) => {
    if (move === 'approve') return { approval: makeApproval(ANNA, house.clock.now(), undefined, house.fleet.settings) };
    return move === 'start' ? { run: 'run1' } : { outcome };
  };
  /** The first `said` of proposal and moves are told to the journal, the rest is not. */
  const walk = async (moves: readonly Move[], said: number): Promise<StatedAction> => {
    house.mute = said < 1;
    let action = await house.store.propose(redeploy('piha', 'broker', 'a'.repeat(64)), ANNA);
    for (const [index, move] of moves.entries()) {
      house.mute = said < index + 2;
      action = await house.store.move(action.id, action.ulid, move, patch(move), ANNA);
    }
    return action;
  };
  const row = (): ActionRow | undefined => house.world.rows<ActionRow>('control', 'action').get('redeploy-piha-broker');

  beforeEach(async () => {
    house = await HubHouse.open();
  });

  for (const state of ACTION_STATES) {
    for (const way of WAYS[state]) {
      for (let said = 0; said <= way.length; said++) {
        const name = ['propose', ...way].join(', ');
        it(`are said at the next start, once: ${name}; ${said} were said`, async () => {
          const action = await walk(way, said);
          await house.own(reconcile(house.store, house.world));
          expect(row()).toMatchObject({ ulid: action.ulid, state });
          expect(reconcile(house.store, house.world)).toEqual([]);
        });
      }
    }
  }

  it('of an older proposal are history once a newer one is known', async () => {
    await walk(['cancel'], 0);
    house.mute = false;
    const second = await house.store.propose(redeploy('piha', 'broker', 'a'.repeat(64)), ANNA);
    expect(reconcile(house.store, house.world)).toEqual([]);
    expect(row()).toMatchObject({ ulid: second.ulid, state: 'pending' });
  });

  it('a command that was cut off before its approval is cancelled, so that it does not keep its service from healing', async () => {
    const stop = redeploy('piha', 'broker', 'a'.repeat(64), {
      id: 'stop-piha-broker',
      type: 'service_stop',
      class: 'person',
    });
    await house.store.propose(stop, ANNA);
    const waits = await house.store.propose(redeploy('piha', 'bridge', 'a'.repeat(64)), ANNA);
    await cancelUnspoken(house.store, outcome.at);
    expect(house.store.open().map(({ id }) => id)).toEqual([waits.id]);
    expect(house.store.list(['cancelled'])[0]).toMatchObject({ id: stop.id, outcome: { reason: 'interrupted' } });
  });

  it('of several proposals come oldest first', async () => {
    await walk(['reject'], 0);
    const second = await walk(['approve'], 0);
    await house.own(reconcile(house.store, house.world));
    expect(row()).toMatchObject({ ulid: second.ulid, state: 'approved', rejectedUntil: outcome.until });
  });

  it('move the approved digest as if they had been said at once', async () => {
    await walk(['approve', 'start', 'complete'], 3);
    await house.own(reconcile(house.store, house.world));
    expect(house.world.rows('control', 'approved').get('piha/broker')).toMatchObject({ digest: 'a'.repeat(64) });
  });
});
