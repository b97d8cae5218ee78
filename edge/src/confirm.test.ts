import { settle, testRun } from '@lab/sdk/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { bundle, change, EdgeHouse, NODE } from '../testing/edge-house.ts';
import { type Confirmation, confirmOn } from './confirm.ts';

const CHECKED = bundle('web', 'one', {
  process: {
    command: ['run'],
    env: {},
    ports: {},
    stopSignal: 'SIGTERM',
    stopTimeout: 10,
    restart: 'no',
    healthcheck: { tcp: { port: 'http' }, interval: 1, timeout: 1, retries: 1, startPeriod: 0 },
  },
});

describe('the confirmation of a run', () => {
  let house: EdgeHouse;
  let instance: string;
  let answer: Confirmation | undefined;
  const abort = { controller: new AbortController() };

  const said = (type: string, of = instance, data: object = {}): Promise<unknown> =>
    house.emit({ type, source: 'healthcheck', service: 'web', data: { instance: of, ...data } });
  const begin = (of: string | null = instance): void => {
    answer = undefined;
    void confirmOn(house.world, house.clock, NODE)(change(), of, 5_000, abort.controller.signal).then((found) => {
      answer = found;
    });
  };

  beforeEach(async () => {
    abort.controller = new AbortController();
    house = await EdgeHouse.open();
    await house.provider.start(abort.controller.signal);
    await house.has(1, CHECKED);
    ({ instance } = await house.provider.deploy(await house.specs.of('web', CHECKED.digest), testRun('r1')));
  });

  it('comes with the health of every source of the instance that it made', async () => {
    begin();
    await settle();
    expect(answer).toBeUndefined();
    await said('service_healthy');
    await settle();
    expect(answer).toEqual({ healthSeq: house.row('web')?.seq });
  });

  it('is there at once where that was said before it was asked', async () => {
    await said('service_healthy');
    begin();
    await settle();
    expect(answer).toEqual({ healthSeq: house.row('web')?.seq });
  });

  it('is not that of another instance', async () => {
    await said('service_healthy');
    begin('an older one');
    await settle();
    expect(answer).toBeUndefined();
    await house.clock.advance(5_000);
    expect(answer).toEqual({ reason: 'unverified: another instance took its place' });
  });

  it('is none at the deadline, and says who found what', async () => {
    begin();
    await said('healthcheck_failed', instance, { output: 'refused', failures: 3 });
    await house.clock.advance(4_999);
    expect(answer).toBeUndefined();
    await house.clock.advance(1);
    expect(answer).toEqual({ reason: 'unverified: healthcheck says unhealthy, refused' });
  });

  it('is none as soon as what was made has ended', async () => {
    begin();
    await house.provider.die('web', 3);
    await settle();
    expect(answer).toEqual({ reason: 'unverified: process says unhealthy, exited with status 3' });
  });

  it('is none once it was cancelled, and leaves nothing behind', async () => {
    const before = house.clock.waiting;
    begin();
    await settle();
    abort.controller.abort();
    await settle();
    expect(answer).toEqual({ reason: 'cancelled' });
    expect(house.clock.waiting).toBe(before);
    begin();
    await settle();
    expect(answer).toEqual({ reason: 'cancelled' });
  });

  it('of what nothing was heard of is none', async () => {
    const unheard = await EdgeHouse.open();
    const asked = confirmOn(unheard.world, unheard.clock, NODE)(change(), 'i1', 10, abort.controller.signal);
    await unheard.clock.advance(10);
    expect(await asked).toEqual({ reason: 'unverified: nothing was heard of it' });
  });
});
