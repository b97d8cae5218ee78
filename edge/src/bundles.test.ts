import { beforeEach, describe, expect, it } from 'vitest';
import { bundle, EdgeHouse, paths } from '../testing/edge-house.ts';

const WEB = bundle('web', 'console.log(1)');
const DIR = `${paths.bundles}/${WEB.digest}`;
const FILE = `${DIR}/files/main.mjs`;

describe('the cache of bundles', () => {
  let house: EdgeHouse;

  const text = async (path: string): Promise<string> => Buffer.from((await house.disk.read(path)) ?? []).toString();

  beforeEach(async () => {
    house = await EdgeHouse.open();
    house.hub?.set(WEB.digest, WEB);
  });

  it('fetches once, and has it whole after that with no hub and after a power cut', async () => {
    expect(await house.bundles.ensure(WEB.digest)).toEqual({ bundle: WEB, filesDir: `${DIR}/files` });
    expect(await text(FILE)).toBe('console.log(1)');
    const next = await EdgeHouse.open(house.disk.crash());
    next.hub = undefined;
    expect((await next.bundles.ensure(WEB.digest)).bundle).toEqual(WEB);
    expect(next.fetched).toEqual([]);
  });

  it('at any moment of a power cut is whole or not there', async () => {
    await house.bundles.ensure(WEB.digest);
    for (let step = 0; step <= house.disk.ops.length; step++) {
      const next = await EdgeHouse.open(house.disk.at(step));
      const cached = await next.bundles.cached(WEB.digest);
      if (cached === undefined) continue;
      expect(cached.bundle).toEqual(WEB);
      expect(Buffer.from((await next.disk.read(FILE)) ?? []).toString()).toBe('console.log(1)');
    }
  });

  it('takes nothing that does not give the digest that was asked for', async () => {
    const other = bundle('web', 'something else');
    house.hub?.set(WEB.digest, other);
    await expect(house.bundles.ensure(WEB.digest)).rejects.toMatchObject({ code: 'corrupt' });
    house.hub?.set(WEB.digest, {
      ...WEB,
      files: other.files.map((file) => ({ ...file, sha256: WEB.files[0]?.sha256 ?? '' })),
    });
    await expect(house.bundles.ensure(WEB.digest)).rejects.toMatchObject({ code: 'corrupt' });
    expect(await house.bundles.cached(WEB.digest)).toBeUndefined();
  });

  it('writes a file again that somebody changed or removed', async () => {
    await house.bundles.ensure(WEB.digest);
    await house.disk.replace(FILE, 'evil()');
    await house.bundles.ensure(WEB.digest);
    expect(await text(FILE)).toBe('console.log(1)');
    await house.disk.remove(FILE);
    await house.bundles.ensure(WEB.digest);
    expect(await text(FILE)).toBe('console.log(1)');
    expect(house.fetched).toHaveLength(1);
  });

  it('sets aside what is spoilt, and fetches it again', async () => {
    await house.bundles.ensure(WEB.digest);
    for (const spoil of [
      (data: Uint8Array) => data.slice(0, 50),
      () => new TextEncoder().encode(JSON.stringify(bundle('web', 'another'))),
    ]) {
      house.disk.damage(`${DIR}/bundle.json`, spoil);
      const next = await EdgeHouse.open(house.disk);
      next.hub?.set(WEB.digest, WEB);
      expect((await next.bundles.ensure(WEB.digest)).bundle).toEqual(WEB);
      expect(next.bad).toEqual([`${DIR}/bundle.json`]);
      expect(next.fetched).toEqual([WEB.digest]);
    }
  });

  it('is unreachable where it is not here and the hub is not there', async () => {
    house.hub = undefined;
    await expect(house.bundles.ensure(WEB.digest)).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('forgets what nobody wants any more', async () => {
    const old = bundle('web', 'old');
    house.hub?.set(old.digest, old);
    await house.bundles.ensure(WEB.digest);
    await house.bundles.ensure(old.digest);
    expect(await house.bundles.prune(new Set([WEB.digest]))).toBe(1);
    expect(await house.bundles.cached(old.digest)).toBeUndefined();
    expect(await house.bundles.cached(WEB.digest)).toBeDefined();
  });
});
