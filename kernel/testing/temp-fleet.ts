/** Small fleets in temporary folders, for tests of what reads them. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Content by path; null: the file is not there. */
export type Files = Readonly<Record<string, string | Uint8Array | null>>;

/** Two nodes, a broker and what depends on it: no problem, no warning. */
export const GOOD_FLEET: Files = {
  'lab.yaml': 'plugins: {}\n',
  'inventory/topology.yaml': `sites: { home: {} }
nodes:
  piha: { site: home, runtime: process, roles: [hub, edge], aliases: [node-1] }
  vps: { link: vps }
`,
  'inventory/policy.yaml': 'policies:\n  - { target: "*", change: auto }\n',
  'hosts/piha/services.yaml': `services:
  broker: { exposure: local-only }
  bridge:
    depends_on: [broker]
    exposure: local-only
`,
  'services/broker/service.yaml': 'process: { command: [node, broker.mjs], ports: { mqtt: 1883 } }\n',
  'services/broker/docker-compose.yml': 'services: { broker: { image: "broker:1.2.3" } }\n',
  'services/broker/broker.mjs': '',
  'services/bridge/service.yaml': 'process: { command: [node, bridge.mjs] }\n',
  'services/bridge/docker-compose.yml': 'services: { bridge: { image: "bridge:1.2.3" } }\n',
};

export class TempFleet implements AsyncDisposable {
  readonly dir: string;

  private constructor(dir: string) {
    this.dir = dir;
  }

  /** The good fleet with `files` over it. */
  static async make(files: Files = {}): Promise<TempFleet> {
    const fleet = new TempFleet(await mkdtemp(join(tmpdir(), 'lab-fleet-')));
    await fleet.write({ ...GOOD_FLEET, ...files });
    return fleet;
  }

  async write(files: Files): Promise<void> {
    for (const [path, content] of Object.entries(files)) {
      const full = join(this.dir, path);
      if (content === null) {
        await rm(full, { recursive: true, force: true });
        continue;
      }
      await mkdir(dirname(full), { recursive: true });
      await writeFile(full, content);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}
