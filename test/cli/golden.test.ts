/** What people see, whole pages at a fixed instant. `vitest run test/cli -u` writes them anew: read the difference. */
import { join } from 'node:path';
import { ago, DIGEST, nodeView, pillar, plan, RESTART, serviceView, status } from '@lab/api/testing/fixtures';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FakeHub } from './fake-hub.ts';

let zone: string | undefined;
beforeAll(() => {
  zone = process.env.TZ;
  process.env.TZ = 'UTC';
});
afterAll(() => {
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
});

async function golden(
  name: string,
  argv: readonly string[],
  prepare: (hub: FakeHub) => void = () => undefined,
  columns?: number,
) {
  await using hub = await FakeHub.start();
  prepare(hub);
  const env = { NO_COLOR: '1' };
  const { code, out, err } = await hub.lab(argv, columns === undefined ? { env } : { columns, env });
  const page = `$ lab ${argv.join(' ')}\n${out.replaceAll(hub.url, 'http://127.0.0.1:18180')}${err}exit ${code}\n`;
  await expect(page).toMatchFileSnapshot(join(import.meta.dirname, 'golden', `${name}.txt`));
  if (columns !== undefined) for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(columns);
}

const well = () =>
  status({
    nodes: [nodeView('vps', { roles: ['hub', 'edge'] }), nodeView('piha')],
    services: [serviceView('piha', 'agent-system')],
    pending: [],
  });

it('status', () => golden('status', ['status']));
it('status on a narrow terminal', () => golden('status-narrow', ['status'], undefined, 80));
it('status when all is well', () =>
  golden('status-well', ['status'], (hub) => {
    hub.plane.fleet = well();
    hub.plane.move('redeploy-piha-agent-system', 'reject');
    hub.plane.move(RESTART.id, 'cancel');
  }));
it('status of an empty fleet', () =>
  golden('status-empty', ['status'], (hub) => {
    hub.plane.fleet = status({ nodes: [], services: [] });
    hub.plane.move('redeploy-piha-agent-system', 'reject');
    hub.plane.move(RESTART.id, 'cancel');
  }));
it('status with a broken edit, while it settles', () =>
  golden('status-broken', ['status'], (hub) => {
    hub.plane.fleet = {
      ...well(),
      settled: false,
      settling: ['piha/agent-system is progressing', 'solaria has not spoken yet'],
      problems: [
        { at: 'hosts/piha/services.yaml:12:5', message: 'unknown exposure "lan"', severity: 'error' },
        { at: 'services/x/docker-compose.yml:3:5', message: 'a tag that can move', severity: 'warning' },
      ],
      waiting: [
        {
          node: 'piha',
          service: 'agent-system',
          id: 'redeploy-piha-agent-system',
          why: {
            rule: 'missing_service',
            text: 'failed 2 times',
            evidence: [],
            waitsFor: 'backoff',
            nextTry: ago(-240),
          },
        },
      ],
    };
    hub.plane.move('redeploy-piha-agent-system', 'reject');
    hub.plane.move(RESTART.id, 'cancel');
  }));
it('plan', () => golden('plan', ['plan']));
it('plan of everything there can be', () =>
  golden('plan-rich', ['plan'], (hub) => {
    const item = (id: string, over: object, files: ReturnType<typeof plan>['items'][number]['files'] = []) => {
      const action = { ...RESTART, id, ...over };
      hub.plane.put(action);
      return { action, files };
    };
    const long = ['@@ -0,0 +1,40 @@', ...Array.from({ length: 40 }, (_, at) => `+line ${at}`)].join('\n');
    hub.plane.planned = plan({
      items: [
        item(
          'redeploy-piha-new',
          { node: 'piha', service: 'new', type: 'redeploy', class: 'change', from: null, to: DIGEST.new },
          [
            { path: 'services/new/service.yaml', kind: 'add', diff: long },
            { path: 'services/new/logo.png', kind: 'add' },
          ],
        ),
        item('remove-piha-old', {
          node: 'piha',
          service: 'old',
          type: 'remove',
          class: 'remove',
          from: DIGEST.old,
          to: null,
        }),
        item(RESTART.id, {}),
        item('disk-cleanup-vps', {
          node: 'vps',
          service: null,
          type: 'disk_cleanup',
          class: 'cleanup',
          from: null,
          to: null,
        }),
      ],
      waiting: [
        {
          node: 'piha',
          service: 'held',
          id: null,
          why: {
            rule: 'outdated_service',
            text: 'window is closed',
            evidence: [],
            waitsFor: 'window',
            nextTry: ago(-3 * 86_400),
          },
        },
      ],
      summary: { change: 1, add: 1, remove: 1, heal: 1, waits: 1 },
      problems: [{ at: 'inventory/topology.yaml:31:9', message: 'alias "node-2" is taken', severity: 'error' }],
    });
  }));
it('plan with nothing to do', () =>
  golden('plan-nothing', ['plan'], (hub) => {
    hub.plane.fleet = well();
    hub.plane.planned = plan({ items: [], waiting: [] });
  }));
it('actions', () =>
  golden('actions', ['actions', '--all'], (hub) =>
    hub.plane.move(RESTART.id, 'cancel', { outcome: { at: ago(5), reason: 'drift_resolved_auto' } }),
  ));
it('actions with their why', () => golden('actions-why', ['actions', '--why']));
it('services', () =>
  golden('services', ['services'], (hub) => {
    hub.plane.fleet.services.push(
      serviceView('piha', 'kept', {
        held: { by: 'ada@saturn', why: 'moving house', since: ago(7200) },
        observed: true,
      }),
      serviceView('piha', 'orphan', { desired: false, digest: { desired: null, approved: null, running: DIGEST.old } }),
      serviceView('piha', '名前', {
        health: 'missing',
        instances: [],
        digest: { desired: DIGEST.new, approved: null, running: null },
      }),
    );
  }));
it('nodes', () =>
  golden('nodes', ['nodes'], (hub) => {
    hub.plane.fleet.nodes.push(
      nodeView('late', {
        state: 'unseen',
        lastWordAt: null,
        sync: pillar('unknown', 'unknown'),
        maintenance: { until: ago(-60), reason: 'x', by: 'ada' },
      }),
    );
  }));
it('show of a node', () => golden('show-node', ['show', 'piha']));
it('show of a service', () => golden('show-service', ['show', 'chelsty-infra/zigbee2mqtt']));
it('show of an action', () => golden('show-action', ['show', 'redeploy-piha-agent-system']));
it('events', () => golden('events', ['events']));
it('replay', () => golden('replay', ['replay', '--until', '10m ago']));
it('targets', () => golden('targets', ['targets', 'site=home']));
it('plugins', () => golden('plugins', ['plugins']));
it('audit', () => golden('audit', ['audit']));
it('maintenance', () => golden('maintenance', ['maintenance', 'list']));
it('help', () => golden('help', ['help']));
it('help on a command', () => golden('help-approve', ['approve', '--help']));
it('nodes as YAML', () => golden('nodes-yaml', ['nodes', 'node:piha', '-o', 'yaml']));
