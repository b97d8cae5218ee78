import { chmod, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type DesiredService, type Fleet, serviceKey } from '@lab/sdk';
import { expect, test } from 'vitest';
import { type Files, TempFleet } from '../../testing/temp-fleet.ts';
import { formatProblems, type LoadOptions, loadFleet } from './load.ts';

async function compiled(files: Files, options?: LoadOptions): Promise<Fleet> {
  await using temp = await TempFleet.make(files);
  const { fleet, problems } = await loadFleet(temp.dir, options);
  if (fleet === undefined) throw new Error(formatProblems(problems));
  return fleet;
}

async function problemsOf(files: Files): Promise<string> {
  await using temp = await TempFleet.make(files);
  return formatProblems((await loadFleet(temp.dir)).problems);
}

function service(fleet: Fleet, node: string, name: string): DesiredService {
  const found = fleet.services.get(serviceKey(node, name));
  if (found === undefined) throw new Error(`no ${node}/${name}`);
  return found;
}

const LAYERS: Files = {
  'inventory/profiles.yaml':
    'profiles: { small: { process: { env: { B: profile, C: profile, D: profile, E: profile } } } }\n',
  'inventory/attachments.yaml':
    'attachments:\n  - { target: "service:broker", size: small, env: { C: attached, D: attached, E: attached } }\n',
  'hosts/piha/services.yaml':
    'services:\n  broker: { env: { D: services, E: services, N: 1.10, Y: true } }\n  bridge: {}\n',
  'hosts/piha/runtime/broker/docker-compose.override.yml':
    'services: { broker: { environment: { E: override, F: "$FROM_ENV" } } }\n',
  'services/broker/service.yaml':
    'process: { command: [x], env: { A: process, B: process, C: process, D: process, E: process } }\n',
};

test('the environment is merged: process < profile < attachments < services.yaml < repo override, each with its place', async () => {
  const fleet = await compiled(LAYERS);
  const { definition, size, through } = service(fleet, 'piha', 'broker');
  expect(definition.env).toEqual({
    A: 'process',
    B: 'profile',
    C: 'attached',
    D: 'services',
    E: 'override',
    N: '1.10',
    Y: 'true',
  });
  expect(definition.process?.env).toEqual({});
  expect(size).toBe('small');
  const places = Object.fromEntries(through.map(({ what, at, by }) => [what, `${at} ${by}`]));
  expect(places).toMatchObject({
    'env.A': 'services/broker/service.yaml:1 service broker',
    'env.B': 'inventory/profiles.yaml:1 size small',
    'env.C': 'inventory/attachments.yaml:2 service:broker',
    'env.D': 'hosts/piha/services.yaml:2 hosts/piha/services.yaml',
    'env.E': 'hosts/piha/runtime/broker/docker-compose.override.yml:1 repo override',
    size: 'inventory/attachments.yaml:2 service:broker',
  });
  expect(service(fleet, 'piha', 'bridge').definition.env).toEqual({});
});

test('a digest is of files, modes and definition, and of nothing else', async () => {
  const digest = async (files: Files, options?: LoadOptions) =>
    service(await compiled(files, options), 'piha', 'broker').digest;
  const plain = await digest({});
  const same: Files[] = [
    {
      'services/broker/service.yaml':
        'description: other words\nprocess: { command: [node, broker.mjs], ports: { mqtt: 1883 } }\n',
    },
    { 'hosts/piha/services.yaml': 'services: { broker: { monitor: false }, bridge: {} }\n' },
    { 'inventory/policy.yaml': 'policies: [{ target: "*", heal: auto }]\n' },
    { 'services/broker/.broker.mjs.swp': 'an editor was here' },
    { 'services/bridge/bridge.mjs': 'of another service' },
  ];
  for (const files of same) expect(await digest(files)).toBe(plain);
  const other: Files[] = [
    { 'services/broker/broker.mjs': '//' },
    { 'services/broker/more/rules.json': '{}' },
    { 'services/broker/service.yaml': 'process: { command: [node, broker.mjs, -v], ports: { mqtt: 1883 } }\n' },
    { 'hosts/piha/services.yaml': 'services: { broker: { env: { A: b } }, bridge: {} }\n' },
    { 'hosts/piha/services.yaml': 'services: { broker: { update: stop-first }, bridge: {} }\n' },
    { 'hosts/piha/runtime/broker/docker-compose.override.yml': 'services: {}\n' },
  ];
  const digests = await Promise.all(other.map((files) => digest(files)));
  expect(new Set([plain, ...digests]).size).toBe(other.length + 1);
  expect(await digest({}, { runtime: 'compose' })).not.toBe(plain);
});

test('whether a file can be executed is part of its bundle', async () => {
  await using temp = await TempFleet.make({ 'services/broker/check.sh': '#!/bin/sh\n' });
  const modes = async () => {
    const { fleet } = await loadFleet(temp.dir);
    const found = fleet && service(fleet, 'piha', 'broker');
    return {
      digest: found?.digest,
      mode: fleet?.bundles.get(found?.digest ?? '')?.files.find(({ path }) => path === 'check.sh')?.mode,
    };
  };
  const before = await modes();
  await chmod(join(temp.dir, 'services/broker/check.sh'), 0o755);
  const after = await modes();
  expect([before.mode, after.mode]).toEqual([0o644, 0o755]);
  expect(after.digest).not.toBe(before.digest);
});

test('for each key of a policy the last entry that matches wins; what nobody says is asked', async () => {
  const fleet = await compiled({
    'inventory/policy.yaml': `policies:
  - { target: "*", change: auto, limits: { service: 1 } }
  - { target: "service:broker", change: never, autonomy: [container_restart] }
  - { target: "node:piha", windows: [{ cron: "0 2 * * *", for: 3h }] }
`,
  });
  const broker = service(fleet, 'piha', 'broker').policy;
  expect(broker).toMatchObject({
    change: 'never',
    heal: 'ask',
    remove: 'ask',
    cleanup: 'ask',
    autonomy: ['container_restart'],
  });
  expect(broker.windows).toEqual([{ cron: '0 2 * * *', for: '3h', zone: 'UTC' }]);
  expect(broker.healPerHour).toEqual({ service: 1, node: 10 });
  expect(broker.through).toMatchObject({
    change: 'inventory/policy.yaml:3',
    heal: 'default',
    windows: 'inventory/policy.yaml:4',
  });
  expect(service(fleet, 'piha', 'bridge').policy.change).toBe('auto');
  expect(fleet.nodes.get('vps')?.policy).toMatchObject({ change: 'auto', windows: [] });
  // Equal ones are one object: a large fleet has few policies.
  expect(fleet.nodes.get('piha')?.policy).toBe(service(fleet, 'piha', 'bridge').policy);
});

test('an attachment brings services to the nodes that it matches, and cannot change what is targeted', async () => {
  const fleet = await compiled({
    'inventory/attachments.yaml': `attachments:
  - { target: "runtime=process", services: { exporter: { env: { A: "1" } } } }
  - { target: "colour=red", env: { RED: "1" } }
  - { target: "service:exporter", labels: { colour: red } }
`,
    'services/exporter/service.yaml': 'process: { command: [x] }\n',
  });
  const exporter = service(fleet, 'piha', 'exporter');
  expect(exporter.definition.env).toEqual({ A: '1' });
  expect(exporter.definition.labels).toEqual({ colour: 'red' });
  expect(exporter.labels).toEqual({});
  expect(fleet.services.has('vps/exporter')).toBe(false);
});

test('waves: what others need comes first; DNS, then brokers with what they need, then the rest', async () => {
  const fleet = await compiled({
    'hosts/piha/services.yaml': `services:
  bridge: { depends_on: [broker] }
  broker: { depends_on: [store], labels: { tier: broker } }
  store: {}
  resolver: { labels: { tier: dns } }
`,
    'services/store/service.yaml': 'process: { command: [x] }\n',
    'services/resolver/service.yaml': 'process: { command: [x] }\n',
  });
  expect(fleet.servicesOf.get('piha')).toEqual(['piha/resolver', 'piha/store', 'piha/broker', 'piha/bridge']);
  expect(fleet.servicesOf.get('vps')).toEqual([]);
});

test('a slow service has longer to be confirmed', async () => {
  const fleet = await compiled({
    'services/broker/service.yaml':
      'process: { command: [x], ports: { a: 1 }, healthcheck: { tcp: { port: a }, startPeriod: 300, retries: 2, interval: 20, timeout: 10 } }\n',
  });
  expect(service(fleet, 'piha', 'broker').verifyMs).toBe(360_000);
  expect(service(fleet, 'piha', 'bridge').verifyMs).toBe(120_000);
});

test('NODE_ALIAS_MAP wins over aliases', async () => {
  const fleet = await compiled({}, { aliasMap: '{"node-1": "vps", "old": "piha"}' });
  expect(fleet.aliases).toEqual(
    new Map([
      ['node-1', 'vps'],
      ['old', 'piha'],
    ]),
  );
});

test('services may have names that objects have', async () => {
  const fleet = await compiled({
    'hosts/piha/services.yaml': 'services: { constructor: { size: valueof }, bridge: { depends_on: [constructor] } }\n',
    'inventory/profiles.yaml': 'profiles: { valueof: {} }\n',
    'services/constructor/service.yaml': 'process: { command: [x], env: { __proto__x: "1", constructor: "2" } }\n',
  });
  expect(service(fleet, 'piha', 'constructor').definition.env).toEqual({ __proto__x: '1', constructor: '2' });
});

test('a link that leads out of the fleet is refused, one that stays inside is read', async () => {
  await using temp = await TempFleet.make({ 'services/bridge/shared.txt': 'x' });
  await symlink('../bridge/shared.txt', join(temp.dir, 'services/broker/inside.txt'));
  expect((await loadFleet(temp.dir)).problems).toEqual([]);
  await symlink('/etc/hostname', join(temp.dir, 'services/broker/outside.txt'));
  await symlink('..', join(temp.dir, 'services/bridge/loop'));
  expect(formatProblems((await loadFleet(temp.dir)).problems)).toContain(
    'services/broker/outside.txt:1:1  this link leads out of the directory of the fleet',
  );
});

test('a folder that is too large is refused', async () => {
  const block = new Uint8Array(40 * 1024 * 1024);
  const text = await problemsOf({ 'services/broker/a.bin': block, 'services/broker/b.bin': block });
  expect(text).toMatch(/^services\/broker:1:1 {2}the folder is larger than 64 MB/);
});

test('a directory that is not there is a problem, not an exception', async () => {
  const { fleet, problems } = await loadFleet('/nowhere/at/all');
  expect(fleet).toBeUndefined();
  expect(formatProblems(problems)).toContain('there is no fleet at /nowhere/at/all (ENOENT); lab new writes one');
});

test('a flood of problems is counted, not shown', async () => {
  const keys = Array.from({ length: 150 }, (_, number) => `    k${number}: 1\n`).join('');
  const lines = (await problemsOf({ 'hosts/piha/services.yaml': `services:\n  broker:\n${keys}` })).split('\n');
  expect(lines[0]).toBe('hosts/piha/services.yaml:1:1    50 more problems in this file than are shown');
  expect(lines.filter((line) => line.includes('unknown key'))).toHaveLength(100);
});
