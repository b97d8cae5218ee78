import { testRun } from '@lab/sdk/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { bundle, desired, EdgeHouse, entry } from '../testing/edge-house.ts';
import { keep, observe } from './keeping.ts';

const BROKER = bundle('broker', 'b');
const BRIDGE = bundle('bridge', 'br');

describe('keeping', () => {
  let house: EdgeHouse;
  let runs = 0;

  const signal = new AbortController().signal;
  const keepAll = (provider = house.provider) =>
    keep({ ...house, provider, ulid: () => `u${++runs}`, bootId: 'boot' }, signal);
  const made = (service: string, provider = house.provider): number => provider.makes.get(service) ?? 0;

  beforeEach(async () => {
    house = await EdgeHouse.open();
    await house.provider.start(signal);
    await house.has(1, BROKER, BRIDGE);
    for (const { service, digest } of [BRIDGE, BROKER])
      await house.provider.deploy(await house.specs.of(service, digest), testRun(`r-${service}`));
  });

  it('adopts what lives, and makes nothing anew', async () => {
    const next = house.provider.crashed();
    expect(await keepAll(next)).toEqual({ kept: [], adopted: ['bridge', 'broker'], known: true });
    expect([made('broker', next), made('bridge', next)]).toEqual([0, 0]);
  });

  it('starts what ran until the machine or the daemon was stopped, by waves, also with no hub', async () => {
    const next = house.provider.rebooted();
    house.hub = undefined;
    expect(await keepAll(next)).toEqual({ kept: ['broker', 'bridge'], adopted: [], known: true });
    expect(await house.said()).toEqual(['node_started']);
  });

  it('starts the approved digest, not what is desired by now', async () => {
    const newer = bundle('broker', 'newer');
    await house.told.accept(
      desired(2, [entry(newer), entry(BRIDGE)]),
      house.approvedDoc({ broker: BROKER.digest, bridge: BRIDGE.digest }),
    );
    const next = house.provider.rebooted();
    await keepAll(next);
    expect(next.machine.services.get('broker')?.spec.digest).toBe(BROKER.digest);
  });

  it('leaves alone what is held and what was never approved', async () => {
    await house.told.accept(
      desired(2, [entry(BROKER, { held: true }), entry(BRIDGE)]),
      house.approvedDoc({ broker: BROKER.digest }),
    );
    expect((await keepAll(house.provider.rebooted())).kept).toEqual([]);
  });

  it('starts nothing that ended by itself: that is a drift', async () => {
    await house.provider.die('broker');
    expect((await keepAll(house.provider.rebooted())).kept).toEqual(['bridge']);
  });

  it('goes on where one cannot be started, and says so', async () => {
    const next = house.provider.rebooted();
    next.failNextDeploy();
    expect((await keepAll(next)).kept).toEqual(['bridge']);
    expect(await house.said()).toEqual(['keeping_failed', 'node_started']);
  });

  it('keeps nothing where nobody can tell what ran, and the node starts all the same', async () => {
    const next = house.provider.rebooted();
    next.blind(true);
    expect(await keepAll(next)).toEqual({ kept: [], adopted: [], known: false });
    expect(await house.said()).toEqual(['node_started']);
    expect(house.log.lines.at(-1)).toMatchObject({ level: 'error' });
    next.blind(false);
    expect(await keepAll(next)).toMatchObject({ kept: ['broker', 'bridge'], known: true });
  });

  it('observes completely, so that what is gone is known to be gone', async () => {
    await house.provider.remove('broker', testRun('r9'));
    house.provider.machine.services.delete('bridge');
    await observe(house.provider, house.emit, house.log);
    expect(house.row('bridge')?.state).toBe('removed');
  });

  it('says so where it cannot observe completely, and then nothing counts as gone', async () => {
    house.provider.blind(true);
    expect(await observe(house.provider, house.emit, house.log)).toEqual([]);
    expect(house.row('broker')?.state).toBe('running');
    expect(house.world.view.rows('health', 'observation').get('piha')).toMatchObject({ complete: false });
  });
});
