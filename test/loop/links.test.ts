/** Nodes out of reach, hubs that were away, and time: what is not known is not acted on, and what was begun ends once. */
import { type MaintenanceRow, TERMINAL } from '@lab/sdk';
import { expect, it } from 'vitest';
import { ANNA, Lab, policy } from './house.ts';

const RESTART = 'container-restart-piha-broker';
const AUTO = policy('change: auto, heal: auto');
const ASK = policy('change: auto, heal: ask');

it('a node out of reach is said silent once, is not planned, and is healed when it is back', async () => {
  await using lab = await Lab.start(AUTO);
  lab.link('piha').cut();
  await lab.dies('piha', 'broker');
  await lab.pass(600_000);
  expect(await lab.said('node_silent')).toHaveLength(1);
  expect(lab.action(RESTART)).toBeUndefined();
  const [broker] = (await lab.plane.services()).filter(({ name }) => name === 'broker');
  expect(broker).toMatchObject({ health: 'stale', was: 'healthy' });
  lab.link('piha').mend();
  await lab.until(() => lab.instance('piha', 'broker') !== undefined, 'it is healed');
  await lab.atRest();
  expect(await lab.said('node_back')).toHaveLength(1);
  expect(lab.action(RESTART)?.state).toBe('completed');
});

it('a run that the link is cut in ends once, and is confirmed when the link is mended', async () => {
  await using lab = await Lab.start(ASK);
  await lab.dies('piha', 'broker');
  await lab.until(() => lab.action(RESTART)?.state === 'pending', 'it is proposed');
  const made = lab.outside.made.length;
  lab.cutAfterGrants('piha');
  await lab.approve(RESTART);
  await lab.until(() => lab.outside.made.length > made, 'the node has begun');
  await lab.pass(300_000);
  expect(lab.action(RESTART)?.state).toBe('approved');
  lab.link('piha').mend();
  await lab.until(() => lab.action(RESTART)?.state === 'completed', 'it is confirmed');
  await lab.pass(120_000);
  expect(lab.outside.made.length).toBe(made + 1);
});

it('a hub that was away for a month acts on nothing that is old', async () => {
  await using lab = await Lab.start(ASK);
  await lab.dies('piha', 'broker');
  await lab.until(() => lab.action(RESTART)?.state === 'pending', 'it is proposed');
  lab.link('piha').cut();
  await lab.approve(RESTART);
  await lab.pass(1_000);
  const old = lab.action(RESTART)?.ulid;
  await lab.plane.maintenance({ query: 'node:vps', forMs: 3_600_000, reason: 'disk' }, ANNA);
  await lab.end();
  lab.outside.clock.jump(lab.outside.clock.now() + 30 * 86_400_000);
  await lab.begin();
  await lab.pass(120_000);
  expect(await lab.said('node_silent'), 'its own downtime is nobody’s silence').toEqual([]);
  const ended = (await lab.plane.actions(['failed'])).find(({ ulid }) => ulid === old);
  expect(ended?.outcome?.reason).toBe('expired');
  expect(lab.instance('piha', 'broker')).toBeUndefined();
  await lab.until(() => lab.action(RESTART)?.state === 'pending', 'it is proposed anew');
  expect(lab.action(RESTART)?.ulid).not.toBe(old);
});

it('maintenance keeps proposals waiting, and its end lets them go', async () => {
  await using lab = await Lab.start(AUTO);
  await lab.plane.maintenance({ query: 'node:piha', forMs: 600_000, reason: 'new disk' }, ANNA);
  await lab.dies('piha', 'broker');
  await lab.pass(300_000);
  expect(lab.action(RESTART)).toBeUndefined();
  expect((await lab.plane.status()).waiting.map(({ why }) => why.waitsFor)).toEqual(['maintenance']);
  await lab.end();
  await lab.begin();
  await lab.pass(120_000);
  expect(lab.action(RESTART), 'also after a restart').toBeUndefined();
  const rows = lab.life.daemon.hub.parts.observer.world.rows<MaintenanceRow>('control', 'maintenance');
  expect(rows.size).toBe(1);
  await lab.until(() => lab.action(RESTART)?.state === 'completed', 'it is healed when it is over');
});

it('replay shows the world and the actions as they were', async () => {
  await using lab = await Lab.start(ASK);
  const was: { at: string; hash: string; services: string; actions: string }[] = [];
  const look = async () => {
    const { worldHash } = await lab.plane.status();
    const services = (await lab.plane.services()).map(({ node, name, health }) => `${node}/${name} ${health}`).join();
    const rows = lab.life.daemon.hub.parts.observer.world.rows<{ id: string; state: string }>('control', 'action');
    const actions = [...rows.values()].map(({ id, state }) => `${id} ${state}`).join();
    was.push({ at: new Date(lab.outside.clock.now()).toISOString(), hash: worldHash, services, actions });
    await lab.pass(1_000);
  };
  await look();
  await lab.dies('piha', 'broker');
  await lab.until(() => lab.action(RESTART)?.state === 'pending', 'it is proposed');
  await look();
  await lab.approve(RESTART);
  await lab.until(() => lab.action(RESTART)?.state === 'completed', 'it is healed');
  await look();
  await lab.end();
  await lab.begin();
  await lab.atRest();
  await lab.edit({ 'hosts/piha/services.yaml': 'services:\n  broker: { exposure: local-only }\n' });
  await lab.atRest();
  for (const { at, hash, services, actions } of was) {
    const then = await lab.plane.replay(at);
    expect(then.worldHash).toBe(hash);
    expect(then.services.map(({ node, name, health }) => `${node}/${name} ${health}`).join()).toBe(services);
    expect(then.actions.map(({ id, state }) => `${id} ${state}`).join()).toBe(actions);
  }
});

it('the hash of the world stands still while nothing is said', async () => {
  await using lab = await Lab.start(ASK);
  const { worldHash } = await lab.plane.status();
  await lab.pass(3_600_000);
  expect((await lab.plane.status()).worldHash).toBe(worldHash);
  const open = (await lab.plane.actions()).filter(({ state }) => !TERMINAL.has(state));
  expect(open).toEqual([]);
});
