import type { Fact, StatedAction } from '@lab/sdk';
import { beforeEach, describe, expect, it } from 'vitest';
import { ANNA, born, HubHouse, healthy, redeploy } from '../testing/hub-house.ts';
import { followRuns } from './runs.ts';

const TO = 'a'.repeat(64);

describe('what a node says of a run', () => {
  let house: HubHouse;
  let action: StatedAction;
  let cancelledBy: string | undefined;

  const follow = (): Promise<void> =>
    followRuns({
      store: house.store,
      world: () => house.world,
      clock: house.clock,
      healthFolded: (node, log, seq) => (house.journal.position(node, log, 'health')?.seq ?? -1) >= seq,
      cancelledBy: () => cancelledBy,
    });
  const run = (type: string, data: Readonly<Record<string, unknown>>, ulid = action.ulid): Fact => ({
    type: `action_${type}`,
    service: 'broker',
    data: { id: action.id, ulid, ...data },
  });
  const verified = (healthSeq: number, ulid = action.ulid): Fact =>
    run('run_verified', { run: 'run1', instance: 'i1', healthSeq, class: 'change', service: 'broker', to: TO }, ulid);
  const now = (): StatedAction | undefined => house.store.find(action.id, action.ulid);

  beforeEach(async () => {
    house = await HubHouse.open();
    cancelledBy = undefined;
    action = await house.approve(await house.store.propose(redeploy('piha', 'broker', TO), ANNA));
  });

  it('moves the action on with it', async () => {
    await follow();
    expect(now()?.state).toBe('approved');
    await house.says('piha', run('run_started', { run: 'run1', pre: null }));
    await follow();
    expect(now()).toMatchObject({ state: 'running', run: 'run1' });
  });

  it('completes it only once the hub has read the health event that confirms it', async () => {
    await house.says('piha', verified(2));
    await follow();
    expect(now()?.state).toBe('running');
    await house.says('piha', born('broker', 'i1', TO));
    await follow();
    expect(now()?.state).toBe('running');
    await house.says('piha', healthy('broker', 'i1'));
    await follow();
    expect(now()).toMatchObject({ state: 'completed', outcome: { reason: 'confirmed' } });
  });

  it('fails it with the reason and what was found, and by whom it was stopped', async () => {
    cancelledBy = 'anna@saturn';
    await house.says('piha', run('run_failed', { run: 'run1', reason: 'cancelled', diagnosis: 'its log', by: 'anna' }));
    await follow();
    expect(now()).toMatchObject({
      state: 'failed',
      outcome: { reason: 'cancelled', diagnosis: 'its log', by: 'anna@saturn' },
    });
  });

  it('that never began cancels it where a person asked for that, else it has failed', async () => {
    cancelledBy = 'anna@saturn';
    await house.says('piha', run('grant_voided', { reason: 'cancelled' }));
    await follow();
    expect(now()).toMatchObject({ state: 'cancelled', outcome: { by: 'anna@saturn' } });
    cancelledBy = undefined;
    action = await house.approve(await house.store.propose(redeploy('piha', 'broker', TO), ANNA));
    await house.says('piha', run('grant_voided', { reason: 'another digest of broker is desired now' }));
    await follow();
    expect(now()).toMatchObject({ state: 'failed', outcome: { reason: 'another digest of broker is desired now' } });
  });

  it('of an earlier proposal of the same id moves nothing', async () => {
    const earlier = action.ulid;
    await house.store.move(action.id, earlier, 'cancel', { outcome: { at: '', reason: 'superseded' } }, ANNA);
    action = await house.approve(await house.store.propose(redeploy('piha', 'broker', TO), ANNA));
    await house.says('piha', born('broker', 'i1', TO), healthy('broker', 'i1'), verified(2, earlier));
    await follow();
    expect(now()?.state).toBe('approved');
  });

  it('is taken up once, however often it is looked at', async () => {
    await house.says('piha', born('broker', 'i1', TO), healthy('broker', 'i1'), verified(2));
    await follow();
    await follow();
    expect(await house.said('action_started', 'action_completed')).toHaveLength(2);
  });
});
