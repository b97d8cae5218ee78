/** A fleet of two nodes whose services do what a test tells them, by files in their data folders. */

/** `sick`: its healthcheck fails. `CRASH=1` in its environment: it ends with status 1 at once. */
const SERVER = `import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

if (process.env.CRASH === '1') {
  console.error('cannot read the configuration: unexpected token');
  process.exit(1);
}
createServer((request, response) => {
  response.statusCode = existsSync(join(process.env.LAB_DATA ?? '.', 'sick')) ? 500 : 200;
  response.end(process.env.GREETING ?? 'hello');
}).listen(Number(process.env.PORT_HTTP), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
`;

export function serviceYaml(
  more: { readonly restart?: string; readonly command?: string; readonly env?: string } = {},
) {
  return `description: answers
process:
  command: [node, ${more.command ?? 'server.mjs'}]
  env: {${more.env ?? ''}}
  ports: { http: 8080 }
  stopTimeout: 2
  restart: "${more.restart ?? 'no'}"
  healthcheck: { http: { port: http, path: / }, interval: 0.3, timeout: 2, retries: 2, startPeriod: 2 }
`;
}

export interface SmallFleet {
  /** Node to the entries of its services.yaml. */
  readonly hosts: Readonly<Record<string, string>>;
  readonly policies: readonly string[];
  /** Service to its service.yaml; those of the hosts that are not here have a plain one. */
  readonly services?: Readonly<Record<string, string>>;
  readonly thresholds?: string;
}

export function smallFleet({ hosts, policies, services = {}, thresholds = '' }: SmallFleet): Record<string, string> {
  const files: Record<string, string> = {
    'lab.yaml': `plugins: {}\nthresholds: { ${thresholds} }\n`,
    'inventory/topology.yaml': `nodes:
  hut: { arch: amd64, link: lan, runtime: process, roles: [hub, edge], labels: { place: valley } }
  barn: { arch: amd64, link: lan, runtime: process, labels: { place: hill } }
`,
    'inventory/policy.yaml': `policies:\n${policies.map((line) => `  - ${line}\n`).join('')}`,
  };
  for (const [node, entries] of Object.entries(hosts)) files[`hosts/${node}/services.yaml`] = hostYaml(entries);
  const names = Object.values(hosts).flatMap((entries) => [...entries.matchAll(/([a-z][a-z-]*): \{/g)]);
  for (const [, name = ''] of names) {
    files[`services/${name}/service.yaml`] = services[name] ?? serviceYaml();
    files[`services/${name}/server.mjs`] = SERVER;
  }
  return files;
}

/** `web: {}` and the like, comma between. */
export function hostYaml(entries: string): string {
  return `services: { ${entries} }\n`;
}

export const ASK = '{ target: "*", change: ask, heal: ask, remove: ask }';
export const BOLD = '{ target: "*", change: auto, heal: ask, remove: ask }';
