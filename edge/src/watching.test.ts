import { FakeHealthSource, settle, testRun } from '@lab/sdk/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { bundle, EdgeHouse, NODE } from '../testing/edge-house.ts';
import { observe } from './keeping.ts';
import { Watching } from './watching.ts';

const CHECK = { tcp: { port: 'http' }, interval: 1, timeout: 1, retries: 1, startPeriod: 0 };
const PROCESS = {
  command: ['run'],
  env: {},
  ports: { http: 80 },
  stopSignal: 'SIGTERM' as const,
  stopTimeout: 10,
  restart: 'no' as const,
};
const WEB = bundle('web', 'one', { process: { ...PROCESS, healthcheck: CHECK } });
const PLAIN = bundle('plain', 'one', { process: PROCESS });

describe('watching', () => {
  let house: EdgeHouse;
  let source: FakeHealthSource;
  let watching: Watching;
  let runs = 0;

  const deploy = async (of = WEB): Promise<string> =>
    (await house.provider.deploy(await house.specs.of(of.service, of.digest), testRun(`r${++runs}`))).instance;
  const begin = (): Watching =>
    new Watching({
      node: NODE,
      world: house.world,
      specs: house.specs,
      sources: () => [source],
      clock: house.clock,
      log: house.log,
    });

  beforeEach(async () => {
    house = await EdgeHouse.open();
    await house.provider.start(new AbortController().signal);
    await house.has(1, WEB, PLAIN);
    source = new FakeHealthSource(house.emit);
    await source.start(new AbortController().signal);
    watching = begin();
  });

  it('begins with what lives, and goes on with each new life', async () => {
    const first = await deploy();
    watching.start();
    await settle();
    expect(source.watching('web')).toBe(first);
    const second = await deploy();
    await settle();
    expect(source.watching('web')).toBe(second);
  });

  it('ends when the instance does, and with the watching', async () => {
    watching.start();
    await deploy();
    await settle();
    await house.provider.die('web');
    expect(source.watching('web')).toBeUndefined();
    watching.stop();
    await deploy();
    await settle();
    expect(source.watching('web')).toBeUndefined();
  });

  it('ends for what an observation no longer finds', async () => {
    watching.start();
    await deploy();
    await settle();
    house.provider.machine.services.delete('web');
    await observe(house.provider, house.emit, house.log);
    await settle();
    expect(house.row('web')?.state).toBe('removed');
    expect(source.watching('web')).toBeUndefined();
  });

  it('leaves alone what a source does not cover', async () => {
    watching.start();
    await deploy(PLAIN);
    await settle();
    expect(source.watching('plain')).toBeUndefined();
  });

  it('tells a source all again that began a new life', async () => {
    watching.start();
    const instance = await deploy();
    await settle();
    source = new FakeHealthSource(house.emit);
    watching.again();
    await settle();
    expect(source.watching('web')).toBe(instance);
  });

  it('is tried again where the bundle was not to be had, until it is', async () => {
    const instance = await deploy();
    const next = await EdgeHouse.open(house.disk);
    house = next;
    await next.disk.remove(`/node/edge/bundles/${WEB.digest}/bundle.json`);
    next.hub = undefined;
    watching = begin();
    watching.start();
    await settle();
    expect(source.watching('web')).toBeUndefined();
    next.hub = new Map([[WEB.digest, WEB]]);
    await next.clock.advance(10_000);
    expect(source.watching('web')).toBe(instance);
    watching.stop();
    expect(next.clock.waiting).toBe(0);
  });
});
