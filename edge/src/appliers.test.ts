import { testRun } from '@lab/sdk/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { bundle, change, desired, EdgeHouse, entry } from '../testing/edge-house.ts';
import { nodeApplier, serviceApplier } from './appliers.ts';

const WEB = bundle('web', 'one');
const NEXT = bundle('web', 'two');

describe('a change of a service', () => {
  let house: EdgeHouse;
  const applier = () => serviceApplier(house);

  beforeEach(async () => {
    house = await EdgeHouse.open();
    await house.provider.start(new AbortController().signal);
    await house.has(1, WEB);
    house.hub?.set(NEXT.digest, NEXT);
  });

  it('by redeploy makes the digest that it is to, to be confirmed by its health', async () => {
    const run = testRun('r1');
    const applied = await applier().apply(change({ to: NEXT.digest }), run);
    expect(applied).toEqual({ instance: house.row('web')?.instance, verify: 'health' });
    expect(house.row('web')?.digest).toBe(NEXT.digest);
    expect(run.lines[0]).toBe(`preparing bundle ${NEXT.digest.slice(0, 7)}`);
  });

  it('that names no digest makes what is approved, and nothing where nothing is', async () => {
    await applier().apply(change({ type: 'service_start', class: 'person' }), testRun('r1'));
    expect(house.row('web')?.digest).toBe(WEB.digest);
    const other = change({ service: 'other', type: 'service_start', class: 'person' });
    await expect(applier().apply(other, testRun('r2'))).rejects.toMatchObject({ code: 'invalid' });
  });

  it('of a service that nobody monitors is done once it runs', async () => {
    await house.told.accept(desired(2, [entry(WEB, { monitor: false })]), house.approvedDoc({ web: WEB.digest }));
    expect((await applier().apply(change({ to: WEB.digest }), testRun('r1'))).verify).toBe('none');
    expect(await applier().trace(change({ to: WEB.digest }), 'r1')).toMatchObject({ state: 'done', verify: 'none' });
  });

  it('by stop leaves it stopped, by remove nothing, and neither waits for health', async () => {
    await applier().apply(change({ to: WEB.digest }), testRun('r1'));
    const stop = change({ type: 'service_stop', class: 'person' });
    expect(await applier().apply(stop, testRun('r2'))).toEqual({ instance: null, verify: 'none' });
    expect(house.row('web')?.state).toBe('exited');
    expect(await applier().trace(stop, 'r2')).toEqual({ state: 'done', instance: null, verify: 'none' });
    await applier().apply(change({ type: 'remove', class: 'remove' }), testRun('r3'));
    expect(house.row('web')?.state).toBe('removed');
  });

  it('that this node does not know is refused, and so is one of no service', async () => {
    await expect(applier().apply(change({ type: 'paint' }), testRun('r1'))).rejects.toMatchObject({ code: 'invalid' });
    await expect(applier().apply(change({ service: null }), testRun('r1'))).rejects.toMatchObject({ code: 'invalid' });
  });

  it('knows what lives before it, what was made by which run, and what is left to see', async () => {
    expect(await applier().preimage(change())).toBeNull();
    const { instance } = await applier().apply(change({ to: WEB.digest }), testRun('r1'));
    expect(await applier().preimage(change())).toBe(instance);
    expect(await applier().trace(change({ to: WEB.digest }), 'r1')).toMatchObject({ state: 'done', instance });
    expect(await applier().trace(change({ to: WEB.digest }), 'r9')).toEqual({ state: 'none' });
    expect(await applier().diagnose(change())).toContain('running');
  });
});

describe('cleaning up a node', () => {
  let house: EdgeHouse;
  const cleanup = change({
    id: 'disk-cleanup-piha',
    type: 'disk_cleanup',
    resource: 'node',
    service: null,
    class: 'cleanup',
  });

  beforeEach(async () => {
    house = await EdgeHouse.open();
    await house.has(1, WEB);
  });

  it('removes old bundles, and keeps what is desired, approved, or runs, also where that left Git', async () => {
    const old = bundle('web', 'long ago');
    const orphan = bundle('orphan', 'left Git');
    for (const one of [old, orphan, NEXT]) house.hub?.set(one.digest, one);
    for (const { digest } of [old, WEB, NEXT]) await house.bundles.ensure(digest);
    await house.told.accept(desired(2, [entry(NEXT)]), house.approvedDoc({ web: WEB.digest }));
    await house.provider.deploy(await house.specs.of('orphan', orphan.digest), testRun('r1'));
    const run = testRun('r2');
    expect(await nodeApplier(house).apply(cleanup, run)).toEqual({ instance: null, verify: 'none' });
    const kept = [];
    for (const one of [old, WEB, NEXT, orphan]) kept.push((await house.bundles.cached(one.digest)) !== undefined);
    expect(kept).toEqual([false, true, true, true]);
    expect(run.lines.at(-1)).toBe('freed 0 bytes and 1 old bundles');
  });

  it('removes no bundle while nobody knows what runs', async () => {
    house.provider.blind(true);
    const old = bundle('web', 'long ago');
    house.hub?.set(old.digest, old);
    await house.bundles.ensure(old.digest);
    await expect(nodeApplier(house).apply(cleanup, testRun('r1'))).rejects.toMatchObject({ code: 'plugin_failed' });
    expect(await house.bundles.cached(old.digest)).toBeDefined();
  });

  it('may be done again after it was cut off', async () => {
    expect(await nodeApplier(house).trace(cleanup, 'r1')).toEqual({ state: 'none' });
    expect(await nodeApplier(house).preimage(cleanup)).toBeNull();
  });
});
