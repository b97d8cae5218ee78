/** What people change in Git, end to end: a service or node leaves and comes back, is renamed, is no longer monitored. */
import { EVENT_CLASSES } from '@lab/sdk';
import { expect, it } from 'vitest';
import { Lab, policy } from './house.ts';

const RESTART = 'container-restart-piha-broker';
const ASK = policy('change: auto, heal: ask');
const ONLY_BROKER = { 'hosts/piha/services.yaml': 'services:\n  broker: { exposure: local-only }\n' };
const BOTH = {
  'hosts/piha/services.yaml':
    'services:\n  broker: { exposure: local-only }\n  bridge: { depends_on: [broker], exposure: local-only }\n',
};
const TOPOLOGY = 'inventory/topology.yaml';
const NODES = (nodes: string) => ({ [TOPOLOGY]: `sites: { home: {} }\nnodes:\n${nodes}` });
const VPS = '  vps: { link: vps, roles: [hub, edge], runtime: process }\n';
const PIHA = '  piha: { site: home, runtime: process }\n';

/** Every row of the world that names it. */
function rowsOf(lab: Lab, name: string): string[] {
  const tables = lab.life.daemon.hub.parts.observer.world.tables();
  return EVENT_CLASSES.flatMap((cls) =>
    Object.entries(tables[cls]).flatMap(([kind, rows]) =>
      Object.entries(rows)
        .filter(([key, row]) => `${key} ${JSON.stringify(row)}`.includes(name))
        .map(([key]) => `${cls} ${kind} ${key}`),
    ),
  );
}

it('a service that leaves Git is removed and leaves no ghost', async () => {
  await using lab = await Lab.start({ ...policy('change: auto, heal: ask, remove: auto'), ...BOTH });
  await lab.edit(ONLY_BROKER);
  await lab.until(() => lab.instance('piha', 'bridge') === undefined, 'it is removed');
  await lab.atRest();
  await lab.pass(30_000);
  expect((await lab.plane.actions(['completed'])).map(({ id }) => id)).toContain('remove-piha-bridge');
  expect(rowsOf(lab, 'bridge')).toEqual([]);
  expect((await lab.plane.status()).settling).toEqual([]);
});

it('what is proposed for a service that is no longer monitored, or left Git, is cancelled with that reason', async () => {
  await using lab = await Lab.start({ ...ASK, ...BOTH });
  await lab.dies('piha', 'broker');
  await lab.until(() => lab.action(RESTART)?.state === 'pending', 'it is proposed');
  await lab.edit({ 'hosts/piha/services.yaml': 'services:\n  broker: { exposure: local-only, monitor: false }\n' });
  await lab.until(() => lab.action(RESTART)?.state === 'cancelled', 'it is cancelled');
  expect(lab.action(RESTART)?.reason).toBe('service_removed_from_desired_state');
  await lab.edit(ONLY_BROKER);
  await lab.until(() => lab.action(RESTART)?.state === 'pending', 'it is proposed again');
  await lab.edit({ 'hosts/piha/services.yaml': 'services: {}\n' });
  await lab.until(() => lab.action(RESTART)?.state === 'cancelled', 'it is cancelled');
  expect(lab.action(RESTART)?.reason).toBe('service_removed_from_desired_state');
});

it('edits in a row are no flapping', async () => {
  await using lab = await Lab.start({ ...policy('change: ask, heal: ask'), ...BOTH });
  const at = (n: number) => ({
    'services/bridge/service.yaml': `process: { command: [node, bridge.mjs], env: { REVISION: "${n}" } }\n`,
  });
  for (const n of [1, 2, 3, 4, 5]) {
    await lab.edit(at(n));
    await lab.atRest();
  }
  const pending = lab.action('redeploy-piha-bridge');
  expect(pending).toMatchObject({ state: 'pending' });
  expect(pending?.change.why.text).not.toContain('flapping');
});

it('a node that leaves Git goes stale, is said to have left, and is as before when it comes back', async () => {
  await using lab = await Lab.start({ ...ASK, ...NODES(VPS + PIHA), ...BOTH });
  const before = lab.instance('piha', 'broker');
  await lab.edit({ ...NODES(VPS), 'hosts/piha': null });
  await lab.pass(120_000);
  const services = await lab.plane.services();
  expect(services.find(({ name }) => name === 'broker')).toMatchObject({ health: 'stale', was: 'healthy' });
  expect((await lab.plane.status()).waiting.map(({ why }) => why.rule)).toEqual(['node_left']);
  await lab.edit({ ...NODES(VPS + PIHA), ...BOTH });
  await lab.pass(120_000);
  const back = (await lab.plane.services()).find(({ name }) => name === 'broker');
  expect(back).toMatchObject({ health: 'healthy' });
  expect(lab.instance('piha', 'broker'), 'it was not touched').toBe(before);
  expect((await lab.plane.status()).waiting).toEqual([]);
  expect((await lab.plane.actions(['pending'])).map(({ id }) => id)).toEqual([]);
});

it.each([
  ['a node', VPS, ''],
  ['the hub’s own node', '  vps: { link: vps, runtime: process }\n', 'roles: [hub, edge], '],
])('%s that is renamed, with its old name as an alias, keeps what runs there', async (_what, vps, roles) => {
  const called = (name: string, more: string) =>
    NODES(`${vps}  ${name}: { site: home, runtime: process, ${roles}${more} }\n`);
  await using lab = await Lab.start({ ...ASK, ...called('piha', ''), ...BOTH });
  const before = lab.instance('piha', 'broker');
  const { 'hosts/piha/services.yaml': services } = BOTH;
  await lab.edit({ ...called('attic', 'aliases: [piha]'), 'hosts/piha': null, 'hosts/attic/services.yaml': services });
  await lab.pass(120_000);
  const all = await lab.plane.services();
  expect(all.map(({ node, name, health }) => `${node}/${name} ${health}`)).toEqual([
    'attic/bridge healthy',
    'attic/broker healthy',
  ]);
  expect(lab.instance('piha', 'broker'), 'it was not touched').toBe(before);
  expect(lab.outside.machine('attic').made).toBe(0);
  expect((await lab.plane.status()).waiting).toEqual([]);
  await lab.end();
  await lab.begin();
  await lab.atRest();
  await lab.pass(60_000);
  expect((await lab.plane.status()).settling).toEqual([]);
  expect(lab.instance('piha', 'broker'), 'nor by the next daemon').toBe(before);
  expect(lab.outside.machine('attic').made).toBe(0);
  await lab.dies('attic', 'broker', 'piha');
  await lab.until(() => lab.action('container-restart-attic-broker')?.state === 'pending', 'it is proposed');
  await lab.approve('container-restart-attic-broker');
  await lab.until(() => lab.action('container-restart-attic-broker')?.state === 'completed', 'it is healed');
});
