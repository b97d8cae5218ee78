/** A fleet as the routes would show it, at one fixed instant: for tests of what serves it and of what draws it. */
import {
  type ActionView,
  type EventView,
  type NodeView,
  type Pillar,
  type PlanView,
  planHash,
  type ServiceView,
  type StatusView,
  type Why,
} from '@lab/sdk';

export const NOW = Date.UTC(2026, 10, 21, 14, 2, 11);

/** The instant so many seconds before NOW. */
export function ago(seconds: number): string {
  return new Date(NOW - seconds * 1000).toISOString();
}

export const DIGEST = {
  old: `41d0a77${'0'.repeat(57)}`,
  new: `9f31c2e${'0'.repeat(57)}`,
};

export function pillar(state: Pillar['state'], text: string): Pillar {
  return { state, text };
}

export function nodeView(name: string, over: Partial<NodeView> = {}): NodeView {
  return {
    name,
    roles: ['edge'],
    site: 'home',
    address: '192.0.2.11',
    arch: 'x64',
    link: 'lan',
    provider: 'edge',
    runtime: 'process',
    labels: {},
    state: 'connected',
    lastWordAt: ago(2),
    generation: 3,
    services: 1,
    sync: pillar('ok', 'in sync'),
    config: pillar('ok', 'ok'),
    health: pillar('ok', 'healthy'),
    identity: pillar('ok', 'valid'),
    ...over,
  };
}

export function serviceView(node: string, name: string, over: Partial<ServiceView> = {}): ServiceView {
  return {
    node,
    name,
    health: 'healthy',
    since: ago(3600),
    instances: [{ pid: 4242, instance: 'i1', state: 'running' }],
    ports: {},
    digest: { desired: DIGEST.old, approved: DIGEST.old, running: DIGEST.old },
    monitor: true,
    observed: false,
    desired: true,
    managed: true,
    exposure: 'local-only',
    wave: 0,
    sources: {},
    ...over,
  };
}

const WHY: Why = { rule: 'outdated_service', text: 'Git moved on', evidence: ['log1.h7'], waitsFor: 'approval' };

/** An action with the planHash that its change has. */
export function actionView(id: string, over: Partial<ActionView> = {}): ActionView {
  const action: ActionView = {
    id,
    ulid: '01KAG0000000000000000000A1',
    type: 'redeploy',
    resource: 'service',
    node: 'piha',
    service: 'agent-system',
    class: 'change',
    from: DIGEST.old,
    to: DIGEST.new,
    parameters: {},
    risk: 'guarded',
    why: WHY,
    planHash: '',
    createdAt: ago(240),
    state: 'pending',
    ...over,
  };
  return { ...action, planHash: over.planHash ?? planHash(action) };
}

export const RESTART: ActionView = actionView('container-restart-chelsty-infra-zigbee2mqtt', {
  ulid: '01KAG0000000000000000000B2',
  type: 'container_restart',
  node: 'chelsty-infra',
  service: 'zigbee2mqtt',
  class: 'heal',
  from: DIGEST.old,
  to: DIGEST.old,
  risk: 'low',
  why: {
    rule: 'unhealthy_service',
    cause: 'mqtt_unreachable',
    text: 'no answer on MQTT for 3 min, container runs',
    evidence: ['log2.h41', 'log2.h44'],
    waitsFor: 'approval',
  },
});

export const REDEPLOY: ActionView = actionView('redeploy-piha-agent-system', {
  why: {
    ...WHY,
    text: '41d0a77 → 9f31c2e, 1 line',
    waitsFor: 'approval',
    nextTry: new Date(NOW + 8 * 3_600_000).toISOString(),
  },
});

export const SILENT_SINCE = ago(41 * 60);

export function status(over: Partial<StatusView> = {}): StatusView {
  const stale = (text: string): Pillar => pillar('stale', text);
  return {
    revision: '9f31c2e81a0b',
    revisionAt: ago(12 * 60),
    worldHash: 'c'.repeat(64),
    at: ago(0),
    settled: true,
    settling: [],
    nodes: [
      nodeView('vps', { roles: ['hub', 'edge'], link: 'vps', lastWordAt: ago(1) }),
      nodeView('piha', { sync: pillar('wait', '1 behind') }),
      nodeView('chelsty-infra', {
        link: 'lte',
        site: 'chelsty',
        health: pillar('bad', '1 of 2 down'),
        lastWordAt: ago(14),
        services: 2,
      }),
      nodeView('solaria', {
        state: 'silent',
        lastWordAt: SILENT_SINCE,
        sync: stale('in sync'),
        config: stale('ok'),
        health: stale('was healthy'),
      }),
      nodeView('saturn', { services: 0 }),
      nodeView('chelsty-ha', {
        provider: 'ssh',
        state: 'no_provider',
        lastWordAt: null,
        sync: pillar('unknown', 'unknown'),
        config: pillar('unknown', 'unknown'),
        health: pillar('unknown', 'unknown'),
        identity: pillar('unknown', 'unknown'),
      }),
    ],
    services: [
      serviceView('vps', 'nginx-proxy-manager', { exposure: 'public', ports: { http: 20080 } }),
      serviceView('piha', 'agent-system', {
        digest: { desired: DIGEST.new, approved: DIGEST.old, running: DIGEST.old },
        ports: { http: 20180 },
      }),
      serviceView('chelsty-infra', 'mosquitto', { ports: { mqtt: 20883 } }),
      serviceView('chelsty-infra', 'zigbee2mqtt', {
        health: 'unhealthy',
        since: ago(190),
        wave: 1,
        sources: {
          mqtt: { health: 'unhealthy', cause: 'mqtt_unreachable', since: ago(190), evidence: ['log2.h41', 'log2.h44'] },
        },
      }),
      serviceView('solaria', 'ollama', { health: 'stale', was: 'healthy', since: SILENT_SINCE }),
      serviceView('chelsty-ha', 'homeassistant', { health: 'unknown', monitor: false, since: null, instances: [] }),
    ],
    actions: { pending: 2, approved: 0, running: 0, completed: 5, failed: 0, rejected: 0, cancelled: 1 },
    pending: [RESTART, REDEPLOY],
    waiting: [],
    problems: [],
    ...over,
  };
}

export const DIFF = [
  '--- services/agent-system/docker-compose.yml',
  '+++ services/agent-system/docker-compose.yml',
  '@@ -1,4 +1,4 @@',
  ' services:',
  '-  image: registry.lan/agent-system:1.8.2',
  '+  image: registry.lan/agent-system:1.8.3',
].join('\n');

export function plan(over: Partial<PlanView> = {}): PlanView {
  return {
    revision: '9f31c2e81a0b',
    at: ago(2),
    items: [
      { action: REDEPLOY, files: [{ path: 'services/agent-system/docker-compose.yml', kind: 'change', diff: DIFF }] },
    ],
    waiting: [
      {
        node: 'solaria',
        service: null,
        id: null,
        why: {
          rule: 'node_silent',
          text: 'silent for 41 min, will be planned at its next heartbeat',
          evidence: [],
          waitsFor: 'silent',
        },
      },
    ],
    summary: { change: 1, add: 0, remove: 0, heal: 0, waits: 1 },
    problems: [],
    ...over,
  };
}

export function eventView(ord: number, over: Partial<EventView> = {}): EventView {
  return {
    ord,
    receivedAt: ago(1000 - ord),
    id: `log2.h${ord}`,
    node: 'chelsty-infra',
    log: 'log2',
    epoch: 1,
    class: 'health',
    seq: ord,
    type: 'mqtt_unreachable',
    at: ago(1000 - ord),
    source: 'mqtt',
    service: 'zigbee2mqtt',
    severity: 'error',
    data: { detail: 'no answer' },
    ...over,
  };
}
