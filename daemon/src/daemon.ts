/**
 * One process with both roles: the hub, and an edge for each node of the fleet that has an agent, joined by the in-process link.
 *
 * INVARIANTS: the root is held before anything is opened; services outlive this process unless they are to be stopped with it; an edge
 * that fails to open disturbs no other.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EDGE_PLUGINS, openEdge } from '@lab/edge/compose';
import type { Edge } from '@lab/edge/edge';
import { PortBook } from '@lab/edge/port-book';
import { openHub } from '@lab/hub/compose';
import type { Hub } from '@lab/hub/hub';
import type { Disk } from '@lab/kernel/disk/disk';
import { InProcessLink } from '@lab/kernel/link/in-process';
import { Quarantine } from '@lab/kernel/observer/quarantine';
import { type Clock, type Fleet, type FleetNode, type Log, messageOf, type Plugin } from '@lab/sdk';

const PORTS_ABOVE = 20;
const HIGHEST_PORT = 65_535;

export interface DaemonOptions {
  readonly root: string;
  /** The fleet's directory. */
  readonly repo: string;
  /** A folder whose node_modules the programs of the example fleet use. */
  readonly modulesDir: string;
  /** Absent: the hub is reached through its plane only. */
  readonly port?: number;
  readonly version: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Log;
  /** Plugins that are not to run, with the reason. */
  readonly disabled: ReadonlyMap<string, string>;
  /** Names the plugin whose code runs now, for who watches from outside. */
  readonly mark: (id: string | null) => string | null;
  /** NODE_ALIAS_MAP: a JSON object, old name to name of today. */
  readonly aliasMap?: string | undefined;
  /** Whether the hub keeps checkpoints in a database; true unless told. */
  readonly database?: boolean;
  /** Instead of those that the edge comes with. */
  readonly plugins?: readonly Plugin[];
  /** How full the disk is, in percent; as the system says it unless told. */
  readonly usedPercent?: () => Promise<number>;
}

export class Daemon {
  readonly #options: DaemonOptions;
  readonly #hub: Hub;
  readonly #ports: PortBook;
  readonly #bootId: string;
  readonly #edges = new Map<string, Edge>();
  readonly #opening = new Set<string>();

  private constructor(options: DaemonOptions, hub: Hub, ports: PortBook, bootId: string) {
    this.#options = options;
    this.#hub = hub;
    this.#ports = ports;
    this.#bootId = bootId;
  }

  static async open(options: DaemonOptions): Promise<Daemon> {
    const { root, disk, log } = options;
    const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
    const quarantine = new Quarantine({ disk, dir: join(root, 'quarantine'), clock: options.clock, log });
    const onBad = async (path: string, reason: string): Promise<void> => {
      log.warn('a file cannot be read and is begun anew', { path, reason });
      await quarantine.take(path, reason);
    };
    const ports = await PortBook.open(disk, join(root, 'ports.json'), onBad, portsFrom(options.port));
    let daemon: Daemon | undefined;
    const hub = await openHub({
      ...options,
      plugins: options.plugins ?? EDGE_PLUGINS,
      runtime: 'process',
      edges: () => daemon?.edges ?? new Map(),
    });
    daemon = new Daemon(options, hub, ports, bootId);
    await daemon.#start();
    return daemon;
  }

  get url(): string {
    return this.#hub.url;
  }

  get hub(): Hub {
    return this.#hub;
  }

  get edges(): ReadonlyMap<string, Edge> {
    return this.#edges;
  }

  /** Ends both roles; with `services`, every service first, dependents before what they depend on. */
  async stop(stopping: { readonly services: boolean; readonly progress?: (line: string) => void }): Promise<void> {
    for (const edge of [...this.#edges.values()].reverse()) {
      await edge
        .stop(stopping)
        .catch((cause: unknown) =>
          this.#options.log.error('an edge did not end in order', { node: edge.node, reason: messageOf(cause) }),
        );
    }
    await this.#hub.stop();
  }

  async #start(): Promise<void> {
    await this.#hub.start();
    await this.#openMissing(this.#hub.fleet);
    this.#hub.onFleet((fleet) => void this.#openMissing(fleet));
  }

  async #openMissing(fleet: Fleet): Promise<void> {
    for (const [old, node] of fleet.aliases) {
      const edge = this.#edges.get(old);
      if (edge === undefined || this.#edges.has(node)) continue;
      this.#edges.delete(old);
      this.#edges.set(node, edge);
    }
    const missing = [...fleet.nodes.values()].filter(
      (node) => node.provider === 'edge' && !this.#edges.has(node.name) && !this.#opening.has(node.name),
    );
    await Promise.all(missing.map((node) => this.#openEdge(fleet, node)));
  }

  async #openEdge(fleet: Fleet, node: FleetNode): Promise<void> {
    const { disk, clock, log, modulesDir, disabled, mark, plugins, usedPercent } = this.#options;
    const isHub = node.name === fleet.hub;
    this.#opening.add(node.name);
    try {
      const { name, root } = await this.#placeOf(fleet, node.name, isHub);
      const edge = await openEdge({
        node: name,
        root,
        bootId: this.#bootId,
        disk,
        clock,
        log,
        link: new InProcessLink(this.#hub.link),
        ports: this.#ports,
        modulesDir,
        hubPrints: isHub,
        configs: fleet.plugins,
        disabled,
        mark,
        diskPressure: fleet.settings.diskPressure,
        ...(usedPercent === undefined ? {} : { usedPercent }),
        ...(plugins === undefined ? {} : { plugins }),
      });
      this.#edges.set(node.name, edge);
      await edge.start();
    } catch (cause) {
      log.error('an edge could not be opened', {
        node: node.name,
        reason: messageOf(cause),
        stack: cause instanceof Error ? (cause.stack ?? '') : '',
      });
    } finally {
      this.#opening.delete(node.name);
    }
  }

  /** A node that was renamed keeps its folder, and in its own log the name that it began with. */
  async #placeOf(fleet: Fleet, node: string, isHub: boolean): Promise<{ name: string; root: string }> {
    const { root, disk } = this.#options;
    const names = [node, ...[...fleet.aliases].flatMap(([old, name]) => (name === node ? [old] : []))];
    if (isHub) {
      const file = join(root, 'edge/name');
      const began = Buffer.from((await disk.read(file, 1_024).catch(() => undefined)) ?? []).toString();
      if (names.includes(began)) return { name: began, root };
      await disk.replace(file, node);
      return { name: node, root };
    }
    for (const name of names) {
      const folder = join(root, 'nodes', name);
      if ((await disk.stat(folder)) !== undefined) return { name, root: folder };
    }
    return { name: node, root: join(root, 'nodes', node) };
  }
}

/** Ports of services are given out above the API's own; 18180 has 18200 and on. */
function portsFrom(port: number | undefined): number | undefined {
  return port === undefined || port > HIGHEST_PORT - PORTS_ABOVE - 1_000 ? undefined : port + PORTS_ABOVE;
}
