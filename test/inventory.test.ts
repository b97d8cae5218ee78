/** The example fleet as people read it, and what `lab validate` says of broken ones. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { affectedBy, targetIndex } from '@lab/kernel/inventory/explain';
import { formatProblems, loadFleet } from '@lab/kernel/inventory/load';
import { settingsTable } from '@lab/kernel/inventory/settings';
import { parseQuery } from '@lab/kernel/targeting/query';
import { TempFleet } from '@lab/kernel/testing/temp-fleet';
import { bundleSchema, type Fleet } from '@lab/sdk';
import { beforeAll, describe, expect, test } from 'vitest';
import { CASES } from './inventory-cases.ts';

const REPO = resolve(import.meta.dirname, '..');

describe('the example fleet', () => {
  let fleet: Fleet;
  beforeAll(async () => {
    const loaded = await loadFleet(REPO, { runtime: 'process' });
    expect(formatProblems(loaded.problems)).toBe('');
    if (loaded.fleet === undefined) throw new Error('no fleet');
    fleet = loaded.fleet;
  });

  test('has the nodes and services of the specification', () => {
    expect(fleet.hub).toBe('vps');
    const nodes = [...fleet.nodes.values()].map(({ name, link, provider }) => `${name} ${link} ${provider}`);
    expect(nodes).toEqual([
      'saturn lan edge',
      'vps vps edge',
      'piha lan edge',
      'solaria lan edge',
      'chelsty-infra lte edge',
      'chelsty-ha lte ssh',
    ]);
    const services = [...fleet.services.values()].map(({ key, exposure, wave }) => `${key} ${exposure} ${wave}`);
    expect(services).toEqual([
      'vps/nginx-proxy-manager public 2000',
      'vps/control-plane local-only 2000',
      'piha/agent-system tailscale-internal 2000',
      'solaria/ollama tailscale-internal 2000',
      'chelsty-infra/mosquitto local-only 1000',
      'chelsty-infra/zigbee2mqtt local-only 2001',
      'chelsty-ha/homeassistant public 2000',
    ]);
    expect(fleet.aliases).toEqual(
      new Map([
        ['node-1', 'piha'],
        ['node-2', 'chelsty-infra'],
      ]),
    );
  });

  test('what is deployed has files, a digest that its bundle carries, and a check of its health', () => {
    for (const service of fleet.services.values()) {
      const bundle = bundleSchema.parse(fleet.bundles.get(service.digest));
      expect(bundle.digest).toBe(service.digest);
      if (service.observed || fleet.nodes.get(service.node)?.provider !== 'edge') continue;
      expect(bundle.files.map(({ path }) => path)).toContain('healthcheck.sh');
      expect(service.definition.process?.healthcheck, service.key).toBeDefined();
      expect(service.definition.process?.restart).toBe('no');
    }
  });

  test('compiles as it would run on real machines, too', async () => {
    const { fleet: real, problems } = await loadFleet(REPO);
    expect(problems).toEqual([]);
    expect(real?.services.get('chelsty-infra/mosquitto')?.definition).toMatchObject({ runtime: 'compose' });
    expect(real?.services.get('chelsty-infra/mosquitto')?.definition.process).toBeUndefined();
  });

  test('starts by itself, and shows its faults', () => {
    for (const { policy } of fleet.services.values()) {
      expect([policy.change, policy.heal, policy.windows]).toEqual(['auto', 'ask', []]);
    }
    expect(fleet.nodes.get('chelsty-infra')?.policy.autonomy).toEqual(['container_restart']);
    expect(fleet.nodes.get('piha')?.policy.autonomy).toEqual([]);
  });

  test('says through what everything came', () => {
    expect(fleet.services.get('solaria/ollama')?.through).toContainEqual({
      what: 'env.NVIDIA_VISIBLE_DEVICES',
      value: 'all',
      at: 'inventory/attachments.yaml:4',
      by: 'has(gpu)',
    });
    expect(fleet.nodes.get('chelsty-ha')?.through).toContainEqual({
      what: 'labels.power',
      value: 'solar',
      at: 'inventory/topology.yaml:6',
      by: 'site chelsty',
    });
  });

  test('targets: what a query selects, and what applies to it', () => {
    const index = targetIndex(fleet);
    const keys = (query: string): string[] =>
      [...index.select(parseQuery(query))].map(({ node, service }) => (service === null ? node : `${node}/${service}`));
    expect(keys('group:cabin')).toEqual(['chelsty-infra', 'chelsty-infra/mosquitto', 'chelsty-infra/zigbee2mqtt']);
    expect([...(fleet.groups.get('cabin') ?? [])]).toEqual(keys('group:cabin'));
    expect(keys('link=lte and provider=ssh')).toEqual(['chelsty-ha', 'chelsty-ha/homeassistant']);
    const affected = affectedBy(fleet, { nodes: ['solaria'], services: ['solaria/ollama'] });
    expect(affected).toContainEqual({ what: 'policy.heal by *', at: 'inventory/policy.yaml:5' });
    expect(affected).toContainEqual({
      what: 'size by hosts/solaria/services.yaml',
      at: 'hosts/solaria/services.yaml:2',
    });
    expect(affected.some(({ at }) => at.startsWith('hosts/piha'))).toBe(false);
  });

  test('every number has its value and where it came from', () => {
    const lines = settingsTable(fleet);
    expect(lines).toContainEqual({ name: 'thresholds.heartbeat.lan', value: '10s', from: 'lab.yaml:12' });
    expect(lines).toContainEqual({ name: 'thresholds.backoff.max', value: '6h', from: 'default' });
    expect(fleet.nodes.get('chelsty-infra')).toMatchObject({ heartbeatMs: 60_000, silenceMs: 180_000 });
  });
});

describe('broken fleets', () => {
  const golden = new Map(
    readFileSync(join(import.meta.dirname, 'golden/inventory.txt'), 'utf8')
      .trimEnd()
      .split(/\n\n?(?==== )/)
      .map((section) => {
        const [title = '', ...lines] = section.split('\n');
        return [title.slice('=== '.length), lines.join('\n')];
      }),
  );

  test('the golden file has each case and no other', () => {
    expect([...golden.keys()]).toEqual(CASES.map(({ name }) => name));
  });

  test.each(CASES)('$name', async ({ name, files, aliasMap }) => {
    await using temp = await TempFleet.make(files);
    const { fleet, problems } = await loadFleet(temp.dir, { aliasMap });
    expect(formatProblems(problems)).toBe(golden.get(name));
    expect(fleet === undefined).toBe(problems.some(({ severity }) => severity === 'error'));
    expect(problems.length).toBeGreaterThan(0);
  });

  test('the smallest good fleet has no problem', async () => {
    await using temp = await TempFleet.make();
    expect((await loadFleet(temp.dir)).problems).toEqual([]);
  });
});
