/** What people decide is kept: a cancellation, a rejection, a stop, an approval of one incident. Through hub, journal and node. */
import type { HoldRow } from '@lab/sdk';
import { expect, it } from 'vitest';
import { ANNA, Lab, policy } from './house.ts';

const RESTART = 'container-restart-piha-broker';
const ASK = policy('change: auto, heal: ask');
const AUTO = policy('change: auto, heal: auto');

it('cancels at once what was approved and never handed to its node', async () => {
  await using lab = await Lab.start(ASK);
  await lab.dies('piha', 'broker');
  await lab.until(() => lab.action(RESTART)?.state === 'pending', 'it is proposed');
  lab.link('piha').cut();
  await lab.approve(RESTART);
  await lab.pass(2_000);
  expect(lab.action(RESTART)?.state).toBe('approved');
  const { ulid } = await lab.plane.cancel(RESTART, { reason: 'not now' }, ANNA);
  await lab.pass(1_000);
  expect(lab.action(RESTART)?.ulid === ulid ? lab.action(RESTART)?.state : 'cancelled').toBe('cancelled');
  lab.link('piha').mend();
  await lab.pass(120_000);
  expect(lab.instance('piha', 'broker'), 'nothing was started').toBeUndefined();
});

it('what an earlier life of the hub may have handed out is only cancelled by its node', async () => {
  await using lab = await Lab.start(ASK);
  await lab.dies('piha', 'broker');
  await lab.until(() => lab.action(RESTART)?.state === 'pending', 'it is proposed');
  lab.loseGrants('piha');
  await lab.approve(RESTART);
  await lab.pass(2_000);
  const ulid = lab.action(RESTART)?.ulid;
  await lab.plane.cancel(RESTART, { reason: 'not now' }, ANNA);
  await lab.pass(2_000);
  expect(lab.action(RESTART), 'the node has not said yet that it is unused').toMatchObject({ ulid, state: 'approved' });
  lab.link('piha').mend();
  await lab.until(() => lab.action(RESTART)?.state === 'pending', 'cancelled, and proposed anew');
  const ended = await lab.plane.actions(['cancelled']);
  expect(ended.find((one) => one.ulid === ulid)?.outcome).toMatchObject({ reason: 'cancelled', by: ANNA.who });
  await lab.pass(120_000);
  expect(lab.instance('piha', 'broker'), 'nothing was started').toBeUndefined();
});

it('a cancellation that its node never confirms succeeds once the grant has expired', async () => {
  await using lab = await Lab.start({ ...ASK, 'lab.yaml': 'thresholds: { approvalExpires: 10m }\n' });
  await lab.dies('piha', 'broker');
  await lab.until(() => lab.action(RESTART)?.state === 'pending', 'it is proposed');
  lab.loseGrants('piha');
  await lab.approve(RESTART);
  await lab.pass(2_000);
  await lab.plane.cancel(RESTART, { reason: 'not now' }, ANNA);
  expect(lab.action(RESTART)?.state).toBe('approved');
  await lab.pass(11 * 60_000);
  expect(lab.action(RESTART)).toMatchObject({ state: 'cancelled', reason: 'expired' });
});

it('asks instead of doing by policy what a person has just cancelled, until that drift is over', async () => {
  await using lab = await Lab.start(AUTO);
  lab.loseGrants('piha');
  await lab.dies('piha', 'broker');
  await lab.until(() => lab.action(RESTART)?.state === 'approved', 'policy approves it');
  const first = lab.action(RESTART)?.ulid;
  await lab.pass(1_000);
  await lab.plane.cancel(RESTART, { reason: 'I look at it first' }, ANNA);
  lab.link('piha').mend();
  await lab.until(() => lab.action(RESTART)?.ulid !== first, 'it is proposed anew');
  await lab.pass(120_000);
  expect(lab.action(RESTART)).toMatchObject({ state: 'pending' });
  expect(lab.action(RESTART)?.change.why.text).toContain('cancelled by anna@saturn, so it asks');
  expect(lab.instance('piha', 'broker')).toBeUndefined();
  await lab.approve(RESTART);
  await lab.until(() => lab.action(RESTART)?.state === 'completed', 'a person approves it');
  await lab.atRest();
  await lab.dies('piha', 'broker');
  await lab.until(() => lab.instance('piha', 'broker') !== undefined, 'the next incident is healed by policy');
});

it('releases what a cancelled stop has held, and not what an earlier one holds', async () => {
  await using lab = await Lab.start(ASK);
  const holds = () => lab.life.daemon.hub.parts.observer.world.rows<HoldRow>('control', 'hold');
  const told = () => lab.life.daemon.edges.get('piha')?.parts.told.entry('broker')?.held;
  lab.link('piha').cut();
  await lab.plane.person('stop', 'piha', 'broker', 'a look', ANNA);
  expect(holds().has('piha/broker')).toBe(true);
  await lab.plane.cancel('stop-piha-broker', { reason: 'no' }, ANNA);
  lab.link('piha').mend();
  await lab.pass(60_000);
  expect(lab.action('stop-piha-broker')?.state).toBe('cancelled');
  expect([holds().has('piha/broker'), told()]).toEqual([false, false]);
  await lab.plane.person('stop', 'piha', 'broker', 'a real look', ANNA);
  await lab.until(() => lab.action('stop-piha-broker')?.state === 'completed', 'it is stopped');
  lab.link('piha').cut();
  await lab.plane.person('stop', 'piha', 'broker', 'again', ANNA);
  await lab.plane.cancel('stop-piha-broker', { reason: 'it is stopped' }, ANNA);
  lab.link('piha').mend();
  await lab.pass(60_000);
  expect(holds().get('piha/broker')?.why).toBe('a real look');
  expect(lab.instance('piha', 'broker')).toBeUndefined();
});

it('a rejection silences until it resolves, and its expiry ends it', async () => {
  await using lab = await Lab.start(ASK);
  await lab.dies('piha', 'broker');
  await lab.until(() => lab.action(RESTART)?.state === 'pending', 'it is proposed');
  await lab.plane.reject(RESTART, { reason: 'known', forMs: 3_600_000 }, ANNA);
  await lab.pass(3_000_000);
  expect(lab.action(RESTART)?.state).toBe('rejected');
  await lab.end();
  await lab.begin();
  await lab.pass(300_000);
  expect(lab.action(RESTART)?.state, 'also by the next daemon').toBe('rejected');
  await lab.until(() => lab.action(RESTART)?.state === 'pending', 'after its expiry', 3_600_000);
});

it('an approval of one incident does not serve the next', async () => {
  await using lab = await Lab.start(ASK);
  await lab.dies('piha', 'broker');
  await lab.until(() => lab.action(RESTART)?.state === 'pending', 'it is proposed');
  const [seen] = await lab.plane.actions(['pending']);
  if (seen === undefined) throw new Error('nothing waits');
  await lab.says('piha', 'broker', 'service_recovered', {
    instance: 'by-itself',
    previous: null,
    digest: seen.to,
    ports: {},
    sources: ['process'],
    restarts: 1,
  });
  await lab.until(() => lab.action(RESTART)?.reason === 'drift_resolved_auto', 'it is cancelled');
  await lab.says('piha', 'broker', 'containers_not_running', { instance: 'by-itself', exitCode: 1 });
  await lab.until(() => lab.action(RESTART)?.state === 'pending', 'it is proposed again');
  expect(lab.action(RESTART)?.planHash).toBe(seen.planHash);
  const late = lab.plane.approve(RESTART, { ulid: seen.ulid, hash: seen.planHash }, ANNA);
  await expect(late).rejects.toMatchObject({ code: 'stale' });
});

it('by policy a service is healed three times an hour; then it asks, and says that it flaps', async () => {
  await using lab = await Lab.start(AUTO);
  const { outside } = lab;
  await lab.dies('piha', 'broker');
  await lab.until(() => lab.action(RESTART)?.state === 'completed', 'first');
  await lab.atRest();
  expect(outside.made.filter(({ service }) => service === 'broker')).toHaveLength(2);
  for (const n of [2, 3]) {
    await lab.dies('piha', 'broker');
    await lab.until(() => outside.made.filter(({ service }) => service === 'broker').length === n + 1, `heal ${n}`);
    await lab.atRest();
  }
  await lab.dies('piha', 'broker');
  await lab.until(() => lab.action(RESTART)?.state === 'pending', 'it asks after three in an hour');
  await lab.pass(600_000);
  expect(lab.action(RESTART)?.change).toMatchObject({ risk: 'guarded' });
  expect(lab.action(RESTART)?.change.why.text).toMatch(/healed 3 times by itself in an hour.*; flapping: 4 proposals/);
  expect(lab.action(RESTART)?.state).toBe('pending');
});

it('the log of a service that is not there is refused, not empty', async () => {
  await using lab = await Lab.start(ASK);
  const asked = () => lab.plane.logs('piha', 'broken', { tail: 1, follow: false }, new AbortController().signal);
  expect(asked).toThrow('there is no service piha/broken');
});
