import { beforeEach, describe, expect, it } from 'vitest';
import { bundle, EdgeHouse, paths } from '../testing/edge-house.ts';

const PROCESS = { stopSignal: 'SIGTERM', stopTimeout: 1, restart: 'no' } as const;

describe('what a provider is told of a service', () => {
  let house: EdgeHouse;

  beforeEach(async () => {
    house = await EdgeHouse.open();
  });

  it('is everything that it needs: files, folders, ports, environment', async () => {
    const web = bundle('web', 'one', {
      env: { TZ: 'Europe/Warsaw', MODE: 'fleet' },
      process: {
        ...PROCESS,
        command: ['run'],
        env: { MODE: 'service', OWN: '1' },
        ports: { http: 80, 'web-admin': 81 },
      },
    });
    house.hub?.set(web.digest, web);
    const spec = await house.specs.of('web', web.digest);
    expect(spec).toMatchObject({
      node: 'piha',
      service: 'web',
      digest: web.digest,
      bundleDir: `${paths.bundles}/${web.digest}/files`,
      dataDir: '/node/data/web',
      ports: { http: 80, 'web-admin': 81 },
    });
    expect(spec.env).toEqual({
      OWN: '1',
      MODE: 'fleet',
      TZ: 'Europe/Warsaw',
      LAB_DATA: '/node/data/web',
      LAB_WORLD: paths.world,
      LAB_PORTS: '/node/ports.json',
      LAB_MODULES: '/modules',
      PORT_HTTP: '80',
      PORT_WEB_ADMIN: '81',
    });
    expect(await house.disk.stat('/node/data/web')).toMatchObject({ directory: true });
  });

  it('cannot be overruled about where things are', async () => {
    const web = bundle('web', 'one', { env: { LAB_DATA: '/elsewhere', PORT_HTTP: '1' } });
    house.hub?.set(web.digest, web);
    expect((await house.specs.of('web', web.digest)).env).toMatchObject({
      LAB_DATA: '/node/data/web',
      PORT_HTTP: '80',
    });
  });

  it('is of the digest that is asked for, whatever is desired', async () => {
    const [old, young] = [bundle('web', 'old'), bundle('web', 'young')];
    await house.has(1, young);
    house.hub?.set(old.digest, old);
    expect((await house.specs.of('web', old.digest)).digest).toBe(old.digest);
  });
});
