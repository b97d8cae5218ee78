/** From an approved digest to everything that a provider is told about a service: files, environment, ports, folders. */
import { join } from 'node:path';
import type { Disk } from '@lab/kernel/disk/disk';
import type { Bundle, ServiceSpec } from '@lab/sdk';
import type { Bundles } from './bundles.ts';

/** Who gives out ports: the numbers of the definition on a machine of its own, others where nodes share one. */
export interface PortGiver {
  /** Stable between runs for the same node, service and names. */
  give(
    node: string,
    service: string,
    wanted: Readonly<Record<string, number>>,
  ): Promise<Readonly<Record<string, number>>>;
  /** A JSON file of everything that was given out on this machine: `{"node/service": {"name": number}}`. */
  readonly file: string;
}

export interface SpecArgs {
  readonly node: string;
  readonly root: string;
  readonly worldDir: string;
  /** A folder whose `node_modules` services of the example fleet may resolve from. */
  readonly modulesDir: string;
  readonly disk: Disk;
  readonly bundles: Bundles;
  readonly ports: PortGiver;
}

export class ServiceSpecs {
  readonly #args: SpecArgs;

  constructor(args: SpecArgs) {
    this.#args = args;
  }

  async of(service: string, digest: string): Promise<ServiceSpec> {
    const { bundle, filesDir } = await this.#args.bundles.ensure(digest);
    return this.#spec(service, bundle, filesDir);
  }

  async #spec(service: string, bundle: Bundle, bundleDir: string): Promise<ServiceSpec> {
    const { node, root, worldDir, modulesDir, disk, ports: giver } = this.#args;
    const dataDir = join(root, 'data', service);
    await disk.makeDir(dataDir);
    const ports = await giver.give(node, service, bundle.definition.process?.ports ?? {});
    const env: Record<string, string> = {
      ...bundle.definition.process?.env,
      ...bundle.definition.env,
      LAB_DATA: dataDir,
      LAB_WORLD: worldDir,
      LAB_PORTS: giver.file,
      LAB_MODULES: modulesDir,
    };
    for (const [name, number] of Object.entries(ports))
      env[`PORT_${name.toUpperCase().replaceAll('-', '_')}`] = String(number);
    return { node, service, digest: bundle.digest, definition: bundle.definition, bundleDir, dataDir, env, ports };
  }
}
