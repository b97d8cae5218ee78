/** Broken fleets: what each has instead of the files of the smallest good one. What is printed for it stands in golden/inventory.txt. */
import type { Files } from '@lab/kernel/testing/temp-fleet';

export interface Case {
  readonly name: string;
  readonly files: Files;
  readonly aliasMap?: string;
}

const TOPOLOGY = (nodes: string, rest = ''): Files => ({ 'inventory/topology.yaml': `nodes:\n${nodes}${rest}` });
const HOST = (services: string): Files => ({ 'hosts/piha/services.yaml': `services:\n${services}` });
const POLICY = (entry: string): Files => ({ 'inventory/policy.yaml': `policies:\n  - ${entry}\n` });
const ON_VPS = (compose: string, exposure = 'local-only'): Files => ({
  'hosts/vps/services.yaml': `services:\n  web: { exposure: ${exposure} }\n`,
  'services/web/docker-compose.yml': compose,
});

export const CASES: readonly Case[] = [
  {
    name: 'an unknown exposure',
    files: HOST('  broker:\n    exposure: lan\n'),
  },
  {
    name: 'an exposure that is nearly one',
    files: HOST('  broker: { exposure: publik }\n'),
  },
  {
    name: 'an unknown key',
    files: HOST('  broker:\n    exposur: local-only\n'),
  },
  {
    name: 'a value of the wrong kind',
    files: HOST('  broker:\n    monitor: "yes"\n'),
  },
  {
    name: 'a list where a map is meant',
    files: { 'hosts/piha/services.yaml': 'services: [broker]\n' },
  },
  {
    name: 'a name that is none',
    files: TOPOLOGY('  Pi_Ha: { roles: [hub] }\n'),
  },
  {
    name: 'an unknown site',
    files: TOPOLOGY('  piha: { site: hom, runtime: process }\n', 'sites: { home: {} }\n'),
  },
  {
    name: 'an unknown link and an unknown provider',
    files: TOPOLOGY('  piha: { link: lta, provider: edg, runtime: process }\n'),
  },
  {
    name: 'a label with the name of an attribute',
    files: TOPOLOGY('  piha: { runtime: process, labels: { arch: arm } }\n'),
  },
  {
    name: 'two hubs',
    files: TOPOLOGY('  piha: { roles: [hub], runtime: process }\n  vps: { roles: [hub, edge] }\n'),
  },
  {
    name: 'no hub',
    files: TOPOLOGY('  piha: { runtime: process }\n  vps: {}\n'),
  },
  {
    name: 'no nodes',
    files: TOPOLOGY('  {}\n'),
  },
  {
    name: 'no topology',
    files: { 'inventory/topology.yaml': null },
  },
  {
    name: 'an alias held twice',
    files: TOPOLOGY(
      '  piha:\n    roles: [hub]\n    runtime: process\n    aliases: [node-2]\n  vps:\n    aliases: [node-1, node-2]\n',
    ),
  },
  {
    name: 'an alias that is the name of a node',
    files: TOPOLOGY('  piha: { roles: [hub], runtime: process, aliases: [vps] }\n  vps: {}\n'),
  },
  {
    name: 'NODE_ALIAS_MAP is no object',
    files: {},
    aliasMap: '["node-1"]',
  },
  {
    name: 'NODE_ALIAS_MAP renames a node of today',
    files: {},
    aliasMap: '{"vps":"piha"}',
  },
  {
    name: 'NODE_ALIAS_MAP leads to nobody',
    files: {},
    aliasMap: '{"node-9":"pyha"}',
  },
  {
    name: 'a bad query in a group',
    files: TOPOLOGY('  piha: { runtime: process }\n', 'groups:\n  a: { match: "site=home and" }\n'),
  },
  {
    name: 'an unknown group in a group',
    files: TOPOLOGY('  piha: { runtime: process }\n', 'groups:\n  cabin: { match: "*" }\n  b: { groups: [cabim] }\n'),
  },
  {
    name: 'groups in a circle',
    files: TOPOLOGY('  piha: { runtime: process }\n', 'groups:\n  a: { groups: [b] }\n  b: { match: "group:a" }\n'),
  },
  {
    name: 'services.yaml of a node that is not there',
    files: { 'hosts/piho/services.yaml': 'services: {}\n' },
  },
  {
    name: 'an unknown dependency',
    files: HOST('  broker: {}\n  bridge: { depends_on: [brokr] }\n'),
  },
  {
    name: 'dependencies in a circle',
    files: HOST('  broker: { depends_on: [bridge] }\n  bridge: { depends_on: [broker] }\n'),
  },
  {
    name: 'a service without a folder',
    files: HOST('  brokker: {}\n'),
  },
  {
    name: 'a process service without service.yaml',
    files: { 'services/broker/service.yaml': null },
  },
  {
    name: 'a process service without a process definition',
    files: { 'services/broker/service.yaml': 'description: x\n' },
  },
  {
    name: 'a compose service without a compose file',
    files: { 'hosts/vps/services.yaml': 'services: { web: {} }\n', 'services/web/x': '' },
  },
  {
    name: 'two pairs with one action id',
    files: {
      ...TOPOLOGY('  a: { roles: [hub], runtime: process }\n  a-b: { runtime: process }\n'),
      'hosts/piha/services.yaml': null,
      'hosts/a/services.yaml': 'services: { b-bridge: {} }\n',
      'hosts/a-b/services.yaml': 'services: { bridge: {} }\n',
      'services/b-bridge/service.yaml': 'process: { command: [x] }\n',
    },
  },
  {
    name: 'public without ingress',
    files: HOST('  broker: { exposure: public }\n'),
  },
  {
    name: 'ingress for a service that is not public',
    files: {
      'inventory/ingress.yaml': 'ingress:\n  - { host: a.example.org, service: broker, node: piha, via: vps }\n',
    },
  },
  {
    name: 'ingress that leads nowhere',
    files: {
      'inventory/ingress.yaml': 'ingress:\n  - { host: a.example.org, service: brocker, node: piha, via: vpn }\n',
    },
  },
  {
    name: 'one public name twice',
    files: {
      ...HOST('  broker: { exposure: public }\n'),
      'inventory/ingress.yaml':
        'ingress:\n  - { host: a.example.org, service: broker, node: piha, via: vps }\n  - { host: a.example.org, service: broker, node: piha, via: vps }\n',
    },
  },
  {
    name: 'a bad target, at its column',
    files: POLICY('{ target: "site=home and rol in (a", heal: auto }'),
  },
  {
    name: 'a target with an unknown group',
    files: POLICY('{ target: "group:cabin", heal: auto }'),
  },
  {
    name: 'a bad mode',
    files: POLICY('{ target: "*", heal: atuo }'),
  },
  {
    name: 'a bad window',
    files: POLICY('{ target: "*", windows: [{ cron: "61 * * * *", for: 3x, zone: Europe/Warsav }] }'),
  },
  {
    name: 'attachments that disagree',
    files: {
      'inventory/attachments.yaml':
        'attachments:\n  - { target: "*", env: { TZ: UTC } }\n  - { target: "service:broker", env: { TZ: Europe/Warsaw } }\n',
    },
  },
  {
    name: 'an unknown size',
    files: {
      ...HOST('  broker: { size: smal }\n'),
      'inventory/profiles.yaml': 'profiles: { small: { process: {} } }\n',
    },
  },
  {
    name: 'an unknown port in a healthcheck',
    files: {
      'services/broker/service.yaml':
        'process:\n  command: [x]\n  ports: { mqtt: 1883 }\n  healthcheck: { tcp: { port: mqt } }\n',
    },
  },
  {
    name: 'two ways in a healthcheck',
    files: {
      'services/broker/service.yaml':
        'process:\n  command: [x]\n  ports: { mqtt: 1883 }\n  healthcheck: { tcp: { port: mqtt }, command: [y] }\n',
    },
  },
  {
    name: 'settings that are no settings',
    files: {
      'lab.yaml':
        'thresholds:\n  heartbeat: { lan: 10 }\n  silense: 3\n  disk: { high: 80, normal: 85 }\nretention: 90d\n',
    },
  },
  {
    name: 'published to everyone, on a rented server',
    files: ON_VPS('services:\n  web:\n    image: web:1.0\n    ports:\n      - "8080:80"\n'),
  },
  {
    name: 'published to everyone, at home',
    files: {
      'services/broker/docker-compose.yml':
        'services:\n  broker:\n    image: broker:1.0\n    ports: [{ target: 80, published: 80 }]\n',
    },
  },
  {
    name: 'a USB path, a read-only configuration, and tags that move',
    files: {
      'services/bridge/docker-compose.yml':
        'services:\n  zigbee2mqtt:\n    image: koenkk/zigbee2mqtt:latest\n    devices: ["/dev/ttyUSB0:/dev/ttyACM0"]\n    volumes:\n      - ./data:/app/data:ro\n  other:\n    image: redis\n',
    },
  },
  {
    name: 'a top-level name in a compose file',
    files: { 'services/bridge/docker-compose.yml': 'name: x\nservices: {}\n' },
  },
  {
    name: 'a compose file that is none',
    files: { 'services/bridge/docker-compose.yml': '- a\n' },
  },
  {
    name: 'an override for a service that does not run there',
    files: { 'hosts/vps/runtime/broker/docker-compose.override.yml': 'services: {}\n' },
  },
  {
    name: 'a tab',
    files: { 'lab.yaml': 'plugins:\n\ta: {}\n' },
  },
  {
    name: 'a key twice',
    files: HOST('  broker: {}\n  bridge: {}\n  broker: { monitor: false }\n'),
  },
  {
    name: 'a binary file',
    files: { 'inventory/policy.yaml': new Uint8Array([1, 0, 2]) },
  },
  {
    name: 'no UTF-8',
    files: { 'inventory/policy.yaml': new Uint8Array([0x61, 0xff, 0xfe]) },
  },
  {
    name: 'a file that is too large',
    files: { 'inventory/policy.yaml': `# ${'x'.repeat(1024 * 1024)}\n` },
  },
  {
    name: 'a bomb of aliases',
    files: {
      'inventory/policy.yaml': `a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: [*c, *c, *c, *c, *c, *c, *c, *c, *c]\n`,
    },
  },
  {
    name: 'nested without end',
    files: { 'inventory/policy.yaml': '['.repeat(20_000) },
  },
  {
    name: 'escape sequences reach no terminal',
    files: HOST('  broker: { "exposure\\e[31m": x }\n'),
  },
  {
    name: 'problems in several files at once',
    files: {
      ...HOST('  broker:\n    exposure: lan\n'),
      ...TOPOLOGY('  piha: { roles: [hub], runtime: process, aliases: [vps] }\n  vps: {}\n'),
      ...POLICY('{ target: "*", heal: maybe }'),
    },
  },
  {
    name: 'a mistyped exposure is one problem, not two',
    files: {
      ...HOST('  broker: { exposure: pubic }\n'),
      'inventory/ingress.yaml': 'ingress:\n  - { host: a.example.org, service: broker, node: piha, via: vps }\n',
    },
  },
];
