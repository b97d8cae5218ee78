import { type Applied, type Grant, planHash, type RunContext } from '@lab/sdk';
import { settle } from '@lab/sdk/testing';
import { describe, expect, it } from 'vitest';
import { counting } from './house.ts';
import { grantFor, healthy, lifeOf, Node, START } from './node-house.ts';
import { Machine } from './power-cut.ts';

const ULID = counting()();
const at = (ms: number): string => new Date(START + ms).toISOString();

describe('a runner', () => {
  it('runs a grant once, however often it is offered, and is done when the world confirms', async () => {
    const node = new Node(new Machine());
    const { runner, clock } = lifeOf(node);
    const grant = grantFor(ULID);
    for (let n = 0; n < 3; n++) await runner.offer([grant, grant], []);
    await clock.advance(500);
    await runner.idle();
    await runner.offer([grant], []);
    await runner.idle();
    expect(node.begun).toHaveLength(1);
    expect(node.events.map((event) => event.type)).toEqual([
      'action_run_started',
      'action_output',
      'action_run_executed',
      'action_run_verified',
    ]);
    const [run] = node.begun;
    const about = { id: grant.change.id, ulid: ULID, run };
    expect(node.said('action_run_started')).toEqual([{ ...about, pre: 'first-web' }]);
    expect(node.said('action_output')).toEqual([{ ...about, lines: ['made anew'] }]);
    const { class: cls, service, to } = grant.change;
    expect(node.said('action_run_verified')).toEqual([
      { ...about, instance: `by-${run}`, healthSeq: 7, class: cls, service, to },
    ]);
    expect(node.events.every((event) => event.service === 'web')).toBe(true);
    expect(await node.machine.disk().list('/root/edge/grants')).toEqual([]);
  });

  it('runs one at a time, in the order the hub named them', async () => {
    const ids = counting();
    const [first, second] = [ids(), ids()];
    const node = new Node(new Machine());
    let running = 0;
    const order: string[] = [];
    const applier = {
      ...node.applier,
      apply: async (of: Grant['change'], run: RunContext): Promise<Applied> => {
        running += 1;
        expect(running).toBe(1);
        order.push(of.service ?? '');
        await settle();
        running -= 1;
        return node.apply(of, run);
      },
    };
    const { runner } = lifeOf(node, { appliers: () => applier });
    await runner.offer([grantFor(second, {}, { service: 'db' }), grantFor(first)], []);
    await runner.idle();
    expect(order).toEqual(['db', 'web']);
  });

  it('waits for the opening of a window, and for a clock that is not behind', async () => {
    const node = new Node(new Machine());
    const { runner, clock } = lifeOf(node);
    await runner.offer([grantFor(ULID, { notBefore: at(60_000), expiresAt: at(3_600_000) })], []);
    await clock.advance(59_000);
    expect(node.begun).toHaveLength(0);
    await runner.stop();
    // The power was off; the machine comes back in 1970 and learns the time later.
    const later = lifeOf(node);
    later.clock.jump(0);
    await later.runner.recover();
    await later.clock.advance(120_000);
    expect(node.begun).toHaveLength(0);
    later.clock.jump(START + 61_000);
    await later.clock.advance(30_000);
    await later.runner.idle();
    expect(node.begun).toHaveLength(1);
  });

  it('believes no clock that says an old grant is young', async () => {
    const node = new Node(new Machine());
    const ids = counting();
    const before = lifeOf(node);
    before.clock.jump(START + 7_200_000);
    await before.runner.offer([grantFor(ids(), { expiresAt: at(9_000_000) })], []);
    await before.runner.idle();
    const { runner, clock } = lifeOf(node, {}, counting(2_000));
    clock.jump(0);
    const old = ids();
    await runner.offer([grantFor(old, { expiresAt: at(3_600_000) })], []);
    await runner.idle();
    expect(node.said('action_grant_voided')).toEqual([
      { id: 'container-restart-piha-web', ulid: old, reason: 'expired' },
    ]);
    expect(node.begun).toHaveLength(1);
  });

  it('lets a floor that a wrong clock drove into the future come down when told the time', async () => {
    const node = new Node(new Machine());
    const ids = counting();
    const { runner, clock } = lifeOf(node);
    clock.jump(Date.UTC(2099, 0, 1));
    await runner.offer([grantFor(ids())], []);
    await runner.idle();
    clock.jump(START);
    await runner.heard(START);
    await runner.offer([grantFor(ids())], []);
    await runner.idle();
    expect(node.said('action_grant_voided')).toHaveLength(1);
    expect(node.begun).toHaveLength(1);
  });

  it('voids a grant whose digests are no longer what it says', async () => {
    const node = new Node(new Machine());
    const { runner } = lifeOf(node, { check: () => 'web is at another digest by now' });
    await runner.offer([grantFor(ULID)], []);
    await runner.idle();
    expect(node.said('action_grant_voided')).toEqual([
      { id: 'container-restart-piha-web', ulid: ULID, reason: 'web is at another digest by now' },
    ]);
    expect(node.begun).toHaveLength(0);
  });

  it('refuses what is malformed, forged or for another node, and runs the rest', async () => {
    const node = new Node(new Machine());
    const { runner } = lifeOf(node);
    const ids = counting();
    const forged = { ...grantFor(ids()), planHash: 'f'.repeat(64) };
    const elsewhere = grantFor(ids(), { node: 'vps' });
    const outside = { ...grantFor(ids()), ulid: '../../../etc/passwd' };
    const broken = { ...grantFor(ids()), timeoutMs: -1 };
    const good = grantFor(ids());
    const nonsense = [{} as Grant, { ulid: 7 } as unknown as Grant];
    for (let n = 0; n < 2; n++) await runner.offer([forged, elsewhere, outside, broken, ...nonsense, good], []);
    await runner.idle();
    expect(node.begun).toHaveLength(1);
    expect(node.said('action_grant_voided').map((data) => data.ulid)).toEqual([forged.ulid, broken.ulid]);
    expect(node.said('action_run_verified').map((data) => data.ulid)).toEqual([good.ulid]);
    const reasons = (await node.machine.disk().list('/root/edge/quarantine')).filter((name) =>
      name.endsWith('.reason'),
    );
    expect(reasons).toHaveLength(6);
    expect(await node.machine.disk().list('/root/edge')).toEqual(['grants', 'quarantine', 'runs', 'time-floor.json']);
  });
});

describe('a cancellation', () => {
  it('before the start makes the grant used, for good', async () => {
    const node = new Node(new Machine());
    const { runner } = lifeOf(node);
    const grant = grantFor(ULID, { notBefore: at(60_000) });
    await runner.offer([grant], []);
    await runner.offer([grant], [{ ulid: ULID, by: 'paul@saturn' }]);
    await runner.idle();
    expect(node.said('action_grant_voided')).toEqual([
      { id: 'container-restart-piha-web', ulid: ULID, reason: 'cancelled' },
    ]);
    const next = lifeOf(node, {}, counting(2_000));
    await next.runner.recover();
    await next.runner.offer([grantFor(ULID)], []);
    await next.runner.idle();
    expect(node.begun).toHaveLength(0);
    expect(node.said('action_grant_voided')).toHaveLength(1);
  });

  it('of a grant that never came is confirmed where its id is told, and the late grant is refused', async () => {
    const node = new Node(new Machine());
    const { runner } = lifeOf(node);
    await runner.offer([], [{ ulid: ULID, by: 'paul@saturn' }]);
    await runner.idle();
    expect(node.events).toEqual([]);
    await runner.offer([], [{ ulid: ULID, by: 'paul@saturn', id: 'container-restart-piha-web' }]);
    await runner.offer([grantFor(ULID)], []);
    await runner.idle();
    expect(node.said('action_grant_voided')).toHaveLength(1);
    expect(node.begun).toHaveLength(0);
  });

  it('while it runs stops it, and says by whom', async () => {
    const node = new Node(new Machine());
    const stuck = {
      ...node.applier,
      apply: (_of: Grant['change'], { signal }: RunContext): Promise<Applied> =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true })),
    };
    const { runner } = lifeOf(node, { appliers: () => stuck });
    await runner.offer([grantFor(ULID)], []);
    await settle();
    await runner.offer([], [{ ulid: ULID, by: 'paul@saturn' }]);
    await runner.idle();
    expect(node.said('action_run_failed')).toMatchObject([
      { reason: 'cancelled', by: 'paul@saturn', diagnosis: 'looked at' },
    ]);
  });

  it('while it waits to be confirmed ends the waiting', async () => {
    const node = new Node(new Machine());
    const { runner } = lifeOf(node, {
      confirm: (_change, _instance, _timeoutMs, signal) =>
        new Promise((resolve) =>
          signal.addEventListener('abort', () => resolve({ reason: 'cancelled' }), { once: true }),
        ),
    });
    await runner.offer([grantFor(ULID)], []);
    await settle();
    await runner.offer([], [{ ulid: ULID, by: 'paul@saturn' }]);
    await runner.idle();
    expect(node.said('action_run_failed')).toMatchObject([{ reason: 'cancelled', by: 'paul@saturn' }]);
  });
});

describe('a run that fails', () => {
  it('is ended at its timeout, also where the applier does not heed it', async () => {
    for (const heeds of [true, false]) {
      const node = new Node(new Machine());
      const stuck = {
        ...node.applier,
        apply: (_of: Grant['change'], { signal }: RunContext): Promise<Applied> =>
          new Promise((_, reject) => {
            if (heeds) signal.addEventListener('abort', () => reject(signal.reason), { once: true });
          }),
      };
      const { runner, clock } = lifeOf(node, { appliers: () => stuck });
      await runner.offer([grantFor(ULID)], []);
      await clock.advance(59_000);
      expect(node.said('action_run_failed')).toEqual([]);
      await clock.advance(12_000);
      await runner.idle();
      expect(node.said('action_run_failed')).toMatchObject([{ reason: 'timeout' }]);
      expect(clock.waiting).toBe(0);
    }
  });

  it('carries what the applier said and what was found', async () => {
    const node = new Node(new Machine());
    const broken = {
      ...node.applier,
      apply: () => Promise.reject(new Error('no such image')),
      diagnose: () => Promise.resolve('last line: boom'),
    };
    const { runner } = lifeOf(node, { appliers: () => broken });
    await runner.offer([grantFor(ULID)], []);
    await runner.idle();
    expect(node.said('action_run_failed')).toMatchObject([
      { reason: 'failed: no such image', diagnosis: 'no such image\nlast line: boom' },
    ]);
  });

  it('is failed where the world does not confirm it in time', async () => {
    const node = new Node(new Machine());
    const asked: number[] = [];
    const { runner } = lifeOf(node, {
      confirm: async (_change, _instance, timeoutMs) => {
        asked.push(timeoutMs);
        return { reason: 'unverified: the healthcheck says unhealthy' };
      },
    });
    await runner.offer([grantFor(ULID)], []);
    await runner.idle();
    expect(asked).toEqual([120_000]);
    expect(node.said('action_run_failed')).toMatchObject([{ reason: 'unverified: the healthcheck says unhealthy' }]);
  });

  it('is said as soon as the log takes it, once', async () => {
    const node = new Node(new Machine());
    let full = true;
    const { runner, clock } = lifeOf(node, {
      emit: async (fact) => {
        if (full && fact.type === 'action_run_executed') throw new Error('the disk is full');
        return node.emit(fact);
      },
    });
    await runner.offer([grantFor(ULID)], []);
    await runner.idle();
    expect(node.said('action_run_verified')).toEqual([]);
    full = false;
    await clock.advance(5_000);
    await runner.idle();
    expect(node.begun).toHaveLength(1);
    expect(node.said('action_run_verified')).toHaveLength(1);
  });
});

describe('what a runner finds at its start', () => {
  it('goes on confirming with what is left of the deadline', async () => {
    const node = new Node(new Machine());
    const first = lifeOf(node, { confirm: () => new Promise(() => {}) });
    await first.runner.offer([grantFor(ULID)], []);
    await settle();
    const asked: number[] = [];
    const { runner, clock } = lifeOf(
      node,
      {
        confirm: async (_change, _instance, timeoutMs) => {
          asked.push(timeoutMs);
          return { healthSeq: 9 };
        },
      },
      counting(2_000),
    );
    clock.jump(START + 50_000);
    await runner.recover();
    await runner.idle();
    expect(asked).toEqual([70_000]);
    expect(node.begun).toHaveLength(1);
    expect(node.said('action_run_verified')).toMatchObject([{ healthSeq: 9 }]);
  });

  it('a daemon that was stopped in order leaves its run to the next', async () => {
    const node = new Node(new Machine());
    const first = lifeOf(node, {
      confirm: (_change, _instance, _timeoutMs, signal) =>
        new Promise((resolve) =>
          signal.addEventListener('abort', () => resolve({ reason: 'cancelled' }), { once: true }),
        ),
    });
    await first.runner.offer([grantFor(ULID)], []);
    await settle();
    await first.runner.stop();
    expect(node.said('action_run_failed')).toEqual([]);
    const { runner } = lifeOf(node, {}, counting(2_000));
    await runner.recover();
    await runner.idle();
    expect(node.said('action_run_verified')).toHaveLength(1);
    expect(node.begun).toHaveLength(1);
  });

  it('does not resume what never began once its grant is void', async () => {
    const node = new Node(new Machine());
    const first = lifeOf(node, {
      emit: () => Promise.reject(new Error('full')),
    });
    await first.runner.offer([grantFor(ULID)], []);
    await first.runner.idle();
    await first.runner.stop();
    const { runner, clock } = lifeOf(node, {}, counting(2_000));
    clock.jump(START + 7_200_000);
    await runner.recover();
    await runner.idle();
    expect(node.begun).toEqual([]);
    expect(node.said('action_run_failed')).toMatchObject([{ reason: 'interrupted' }]);
  });

  const rubbish: Record<string, Uint8Array> = {
    'binary.json': Uint8Array.from([0, 1, 255, 254]),
    'empty.json': new Uint8Array(),
    'truncated.json': Buffer.from('{"ulid":"01K00000'),
    'wrong.json': Buffer.from('{"hello":"world"}'),
    [`${counting(50)()}.json`]: Buffer.from(JSON.stringify(grantFor(counting(51)()))),
  };
  it('puts rubbish among the grants into quarantine and goes on', async () => {
    const node = new Node(new Machine());
    for (const [name, bytes] of Object.entries(rubbish))
      await node.machine.disk().replace(`/root/edge/grants/${name}`, bytes);
    await node.machine.disk().makeDir('/root/edge/grants/folder.json');
    const { runner } = lifeOf(node);
    await runner.recover();
    await runner.offer([grantFor(ULID)], []);
    await runner.idle();
    expect(node.begun).toHaveLength(1);
    const kept = (await node.machine.disk().list('/root/edge/quarantine')).filter((name) => !name.endsWith('.reason'));
    expect(kept).toHaveLength(5);
  });

  it('never repeats a run whose record was spoilt', async () => {
    for (const spoil of [(text: string) => text.slice(0, 150), () => '\u0000\u0001', () => '']) {
      const node = new Node(new Machine());
      const first = lifeOf(node, { confirm: () => new Promise(() => {}) });
      await first.runner.offer([grantFor(ULID)], []);
      await settle();
      const disk = node.machine.disk();
      const [name = ''] = await disk.list('/root/edge/runs');
      const text = Buffer.from((await disk.read(`/root/edge/runs/${name}`)) ?? []).toString();
      await disk.replace(`/root/edge/runs/${name}`, spoil(text));
      const { runner } = lifeOf(node, { confirm: healthy }, counting(2_000));
      await runner.recover();
      await runner.offer([grantFor(ULID)], []);
      await runner.idle();
      expect(node.begun).toHaveLength(1);
      expect(node.said('action_run_failed')).toMatchObject([{ ulid: ULID, reason: 'unknown' }]);
    }
  });

  it('forgets old runs, but none whose grant could still be used', async () => {
    const node = new Node(new Machine());
    const ids = counting();
    const { runner } = lifeOf(node, { emit: async () => ({ id: 'x', seq: 1 }) });
    const young = grantFor(ids(), { expiresAt: at(40 * 86_400_000) });
    await runner.offer([young], []);
    await runner.idle();
    for (let n = 0; n < 700; n++) await runner.offer([grantFor(ids(), { expiresAt: at(-3 * 86_400_000) })], []);
    await runner.idle();
    const kept = await node.machine.disk().list('/root/edge/runs');
    expect(kept.length).toBeLessThan(600);
    expect(kept.length).toBeGreaterThanOrEqual(500);
    await runner.offer([young], []);
    await runner.idle();
    expect(node.begun).toHaveLength(1);
    expect(planHash(young.change)).toBe(young.planHash);
  });
});
