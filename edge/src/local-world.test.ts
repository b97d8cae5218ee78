import { testRun } from '@lab/sdk/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { bundle, EdgeHouse, paths } from '../testing/edge-house.ts';

const WEB = bundle('web', 'one');

describe("a node's own world", () => {
  let house: EdgeHouse;

  beforeEach(async () => {
    house = await EdgeHouse.open();
    await house.provider.start(new AbortController().signal);
    await house.has(1, WEB);
    await house.provider.deploy(await house.specs.of('web', WEB.digest), testRun('r1'));
    await house.emit({ type: 'node_started', data: { bootId: 'b', kept: [], adopted: [] } });
  });

  it('is what its log says, and the same after a power cut', async () => {
    const next = await EdgeHouse.open(house.disk.crash());
    expect(next.world.view.hash()).toBe(house.world.view.hash());
    expect(next.row('web')?.digest).toBe(WEB.digest);
  });

  it('begins at its snapshot, and folds only what came after', async () => {
    await house.world.save();
    await house.provider.die('web');
    let folded = 0;
    const disk = house.disk.crash();
    const next = await EdgeHouse.open(disk);
    next.world.onFolded(() => folded++);
    expect(next.row('web')?.state).toBe('exited');
    expect(next.world.view.hash()).toBe(house.world.view.hash());
    for await (const event of next.events.readAll()) next.world.fold(event);
    expect(folded).toBe(0);
  });

  it('is folded from the beginning where the snapshot is spoilt, or of another log', async () => {
    await house.world.save();
    house.disk.damage(paths.snapshot, (data) => data.slice(0, 30));
    expect((await EdgeHouse.open(house.disk)).row('web')?.digest).toBe(WEB.digest);
    await house.world.save();
    const text = Buffer.from((await house.disk.read(paths.snapshot)) ?? []).toString();
    const other = { ...JSON.parse(text), log: 'anotherlog', seqs: { control: 99, health: 99, bulk: 99 } };
    await house.disk.replace(paths.snapshot, JSON.stringify(other));
    expect((await EdgeHouse.open(house.disk)).world.view.hash()).toBe(house.world.view.hash());
  });

  it('is folded from the beginning where the snapshot is ahead of the log', async () => {
    await house.world.save();
    const stored = JSON.parse(Buffer.from((await house.disk.read(paths.snapshot)) ?? []).toString());
    await house.disk.replace(
      paths.snapshot,
      JSON.stringify({
        ...stored,
        seqs: { control: 99, health: 99, bulk: 99 },
        tables: { control: {}, health: {}, bulk: {} },
      }),
    );
    expect((await EdgeHouse.open(house.disk)).row('web')?.digest).toBe(WEB.digest);
  });

  it('goes on with the log that was begun anew', async () => {
    await house.events.renew();
    await house.provider.die('web');
    expect(house.row('web')?.state).toBe('exited');
  });

  it('tells who listens of each event once, until they stop', async () => {
    const types: string[] = [];
    const stop = house.world.onFolded(({ type }) => void types.push(type));
    await house.provider.die('web');
    for await (const event of house.events.readAll()) house.world.fold(event);
    stop();
    await house.emit({ type: 'node_started', data: { bootId: 'b', kept: [], adopted: [] } });
    expect(types).toEqual(['containers_not_running']);
  });
});
