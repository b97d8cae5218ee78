/** A fleet of three nodes and six services, of which each kind of policy has one; every service keeps a ledger of its own lives. */

/** One line when it is born and one when it is asked to end, in its data folder: what happened, whatever anybody says. */
const PROGRAM = `import { appendFileSync, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

const { LAB_DATA, LAB_RUN: run, LAB_INSTANCE: instance, PORT_HTTP } = process.env;
const say = (what) =>
  appendFileSync(join(LAB_DATA, 'ledger.jsonl'), JSON.stringify({ what, at: Date.now(), pid: process.pid, run, instance }) + '\\n');
process.on('SIGTERM', () => {
  say('asked');
  process.exit(0);
});
say('born');
createServer((request, response) => {
  response.statusCode = existsSync(join(LAB_DATA, 'sick')) ? 500 : 200;
  response.end('here');
}).listen(Number(PORT_HTTP), '127.0.0.1');
`;

export const SERVICES = ['barn/cow', 'barn/hen', 'hut/lamp', 'hut/stove', 'mill/cat', 'mill/wheel'] as const;
/** Its provider starts it again by itself. */
export const ALWAYS = 'mill/wheel';

export function serviceText(name: string, greeting: string): string {
  return `description: keeps a ledger
process:
  command: [node, server.mjs]
  env: { GREETING: "${greeting}" }
  ports: { http: 8080 }
  stopTimeout: 3
  restart: "${ALWAYS.endsWith(`/${name}`) ? 'always' : 'no'}"
  healthcheck: { http: { port: http, path: / }, interval: 0.4, timeout: 2, retries: 2, startPeriod: 3 }
`;
}

export function killFleet(): Record<string, string> {
  const files: Record<string, string> = {
    'lab.yaml': `plugins: {}
thresholds:
  backoff: { first: 1s, max: 4s }
  flapping: { proposals: 100000, within: 1m }
  healPerHour: { service: 100000, node: 100000 }
  verify: 15s
`,
    'inventory/topology.yaml': `nodes:
  hut: { arch: amd64, link: lan, runtime: process, roles: [hub, edge] }
  barn: { arch: amd64, link: lan, runtime: process }
  mill: { arch: amd64, link: lan, runtime: process }
`,
    'inventory/policy.yaml': `policies:
  - { target: "*", change: auto, heal: ask, remove: ask }
  - { target: "service:cow", heal: auto }
  - { target: "service:lamp", heal: auto }
  - { target: "service:cat", change: ask }
`,
    'hosts/hut/services.yaml': 'services: { stove: {}, lamp: {} }\n',
    'hosts/barn/services.yaml': 'services: { cow: {}, hen: {} }\n',
    'hosts/mill/services.yaml': 'services: { wheel: {}, cat: {} }\n',
  };
  for (const full of SERVICES) {
    const name = full.slice(full.indexOf('/') + 1);
    files[`services/${name}/service.yaml`] = serviceText(name, 'first');
    files[`services/${name}/server.mjs`] = PROGRAM;
  }
  return files;
}
