import type { MemoryDisk } from '@lab/kernel/testing/memory-disk';
import type { Fleet } from '@lab/sdk';
import { beforeEach, describe, expect, it } from 'vitest';
import { fleetOf, HubHouse } from '../testing/hub-house.ts';
import { BundleArchive } from './bundle-archive.ts';

const DIR = '/hub/state/bundles';

describe('the archive of bundles', () => {
  let house: HubHouse;
  let first: Fleet;
  let bad: string[];
  let archive: BundleArchive;

  const open = (disk: MemoryDisk): BundleArchive => new BundleArchive(disk, DIR, async (path) => void bad.push(path));

  beforeEach(async () => {
    house = await HubHouse.open();
    first = house.fleet;
    bad = [];
    archive = open(house.disk);
    await archive.keep(first, house.world);
  });

  it('has what is in force, at once and after a power cut', async () => {
    const digest = house.digest('piha', 'broker');
    expect(archive.at(digest)).toBe(first.bundles.get(digest));
    expect(await open(house.disk.crash()).of(digest)).toEqual(first.bundles.get(digest));
  });

  it('keeps what was approved before, for nodes that lost theirs, and forgets what nobody runs', async () => {
    const [broker, bridge] = [house.digest('piha', 'broker'), house.digest('piha', 'bridge')];
    await house.deployed('piha', 'broker');
    const second = await fleetOf({
      'services/broker/broker.mjs': 'another();\n',
      'services/bridge/bridge.mjs': 'another();\n',
    });
    const next = open(house.disk);
    await next.keep(second, house.world);
    expect(next.at(broker)).toEqual(first.bundles.get(broker));
    expect(next.at(bridge)).toBeUndefined();
    expect(await open(house.disk).of(bridge)).toBeUndefined();
    expect((await house.disk.list(DIR)).length).toBe(second.bundles.size + 1);
  });

  it('sets aside a file that cannot be read, and has no bundle there', async () => {
    const digest = house.digest('piha', 'broker');
    house.disk.damage(`${DIR}/${digest}.json`, (data) => data.slice(0, 40));
    const next = open(house.disk);
    expect(await next.of(digest)).toBeUndefined();
    expect(bad).toEqual([`${DIR}/${digest}.json`]);
  });

  it('writes what is in force anew where its file was spoilt, while it still can', async () => {
    const digest = house.digest('piha', 'broker');
    house.disk.damage(`${DIR}/${digest}.json`, (data) => data.slice(0, 40));
    await open(house.disk).keep(first, house.world);
    expect(bad).toEqual([`${DIR}/${digest}.json`]);
    expect(await open(house.disk).of(digest)).toEqual(first.bundles.get(digest));
  });

  it('hands out nothing under a digest that it does not give', async () => {
    const [broker, bridge] = [house.digest('piha', 'broker'), house.digest('piha', 'bridge')];
    await house.disk.replace(`${DIR}/${broker}.json`, JSON.stringify(first.bundles.get(bridge)));
    const next = open(house.disk);
    expect(await next.of(broker)).toBeUndefined();
    expect(bad).toEqual([`${DIR}/${broker}.json`]);
    expect((await next.of(bridge))?.digest).toBe(bridge);
  });

  it('of no digest is nothing', async () => {
    expect(await archive.of(null)).toBeUndefined();
  });
});
