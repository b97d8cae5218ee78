/** `lab new DIR`: a commented minimal fleet with this machine as its one node, and one small service that really runs. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LabError, messageOf, systemCode } from '@lab/sdk/errors';
import { isName } from '@lab/sdk/model/name';

export interface NewFleet {
  /** Name of this machine in the fleet. */
  readonly node: string;
  /** `amd64`, `arm64`. */
  readonly arch: string;
}

/** Writes the fleet and resolves with the paths of its files. Refuses a directory that has something in it. */
export async function newFleet(dir: string, { node, arch }: NewFleet): Promise<string[]> {
  if (!isName(node)) {
    throw new LabError('usage', `${JSON.stringify(node)} is no name for a node`, {
      hint: 'a-z, 0-9 and -, at most 63 characters: lab new DIR --node NAME',
    });
  }
  const there = await readdir(dir).catch((cause: unknown) => {
    if (systemCode(cause) === 'ENOENT') return [];
    throw new LabError('usage', `cannot write a fleet to ${dir}: ${messageOf(cause)}`, { at: dir, cause });
  });
  if (there.filter((name) => name !== '.git').length > 0) {
    throw new LabError('conflict', `${dir} is not empty`, { at: dir, hint: 'give a directory that is not there yet' });
  }
  const files = contents(node, arch);
  for (const [path, text] of Object.entries(files)) {
    const full = join(dir, path);
    await mkdir(dirname(full), { recursive: true });
    // `wx`: what somebody else wrote in the meantime is not written over.
    await writeFile(full, text, { flag: 'wx' });
  }
  return Object.keys(files);
}

/** The name of a machine made fit for a fleet: `Piha.local` is `piha`. */
export function nodeNameFrom(hostname: string): string {
  const first = hostname.split('.')[0] ?? '';
  const name = first
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 63);
  return isName(name) ? name : 'home';
}

/** What Node calls an architecture, as images and packages call it. */
export function archFrom(arch: string): string {
  return ({ x64: 'amd64', arm: 'armv7' } as Readonly<Record<string, string>>)[arch] ?? arch;
}

function contents(node: string, arch: string): Readonly<Record<string, string>> {
  return {
    '.gitignore': `# What lab writes while it runs.
/.lab/
`,
    'lab.yaml': `# Fleet-wide settings. Whatever is not here has its default: \`lab doctor\` shows every number and where it comes from.
# Durations are written 10s, 3m, 24h, 90d.

# Plugins by id, each with its config.
plugins: {}

# thresholds:
#   heartbeat: { lan: 10s, vps: 10s, lte: 60s }
#   disk: { high: 90, normal: 85 } # per cent
# retention:
#   hub: 90d
`,
    'inventory/topology.yaml': `# Where the machines are and what they are. What runs on each is in hosts/<node>/services.yaml.

sites:
  home: {}

nodes:
  # This machine. With one node it is the hub too; with more, one of them has \`roles: [hub, edge]\`.
  ${node}: { site: home, arch: ${arch}, link: lan, provider: edge, runtime: process, labels: {} }
`,
    'inventory/policy.yaml': `# Who decides: auto, ask or never. For each key the last entry that matches wins.
# This asks for everything: \`lab plan\` says what waits, \`lab apply\` approves it.

policies:
  - { target: "*", change: ask, heal: ask, remove: ask, cleanup: ask }

  # Let lab start again by itself what died:
  # - { target: "service:hello", heal: auto }
`,
    'inventory/templates/how_to_add_new_node.yaml': `# How to add a node: three steps, then \`lab validate\` and \`lab plan\`.
#
# 1. Copy the entry below into \`nodes\` of inventory/topology.yaml and change what is yours. The name is a-z, 0-9 and -.
#    With a second node, say which one is the hub: give ${node} \`roles: [hub, edge]\`.
# 2. Say what runs there in hosts/<name>/services.yaml (it may be absent).
# 3. Commit. Nothing is planned for the node until it has joined and said what runs on it.

nodes:
  new-node:
    site: home # one of sites
    address: 192.0.2.20 # where people reach it
    arch: arm64
    link: lan # lan | lte | vps: how often it is heard, and when it is silent
    provider: edge # edge where lab's daemon runs on it, else the plugin that drives it, such as ssh
    runtime: compose # compose | process
    labels: { role: ui } # what targets see: policies, attachments, \`lab targets 'role=ui'\`
`,
    [`hosts/${node}/services.yaml`]: `# What runs on ${node}. Each service has a folder services/<service>/.

services:
  hello: { exposure: local-only }
`,
    'services/hello/service.yaml': `description: Says hello. Change server.mjs, and \`lab plan\` shows what would be done.
process:
  command: [node, server.mjs]
  ports: { http: 8080 } # the number that it wants; \`lab services\` shows the one that it got
  healthcheck: { http: { port: http, path: /health }, interval: 2, timeout: 2, retries: 2, startPeriod: 2 }
`,
    'services/hello/server.mjs': `/** A small web server on the port that lab gives it. */
import { createServer } from 'node:http';

const port = Number(process.env.PORT_HTTP ?? 8080);
const greeting = process.env.GREETING ?? 'Hello';

const server = createServer((request, response) => {
  if (request.url === '/health') {
    response.end('ok\\n');
    return;
  }
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.end(\`\${greeting} from \${process.env.LAB_NODE ?? 'somewhere'}\\n\`);
});

server.listen(port, '127.0.0.1', () => console.log(\`listening on http://127.0.0.1:\${port}\`));

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    server.close(() => process.exit(0));
    server.closeAllConnections();
  });
}
`,
  };
}
