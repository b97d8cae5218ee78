/** The edge of one node, put together: the kernel and its plugins. The only place in edge/ that names a concrete plugin. */
import { join } from 'node:path';
import healthProbe from '@lab/health-probe';
import { Scope } from '@lab/kernel/container';
import type { Disk } from '@lab/kernel/disk/disk';
import { Runner } from '@lab/kernel/executor/run';
import type { HubLink } from '@lab/kernel/link/link';
import { EdgeLog } from '@lab/kernel/observer/edge-log';
import { builtInEvents } from '@lab/kernel/observer/events/built-in';
import { Quarantine } from '@lab/kernel/observer/quarantine';
import type { Mark } from '@lab/kernel/plugins/door';
import { PluginHost } from '@lab/kernel/plugins/host';
import providerProcess from '@lab/provider-process';
import {
  type Bundle,
  CLOCK,
  type Clock,
  EMIT,
  type Emit,
  LOG,
  type Log,
  PLACE,
  type Plugin,
  type PressureRow,
  type Settings,
  STORE,
  serviceKey,
  type VerifiedRow,
} from '@lab/sdk';
import { ulid } from 'ulid';
import { nodeApplier, serviceApplier } from './appliers.ts';
import { Bundles } from './bundles.ts';
import { confirmOn } from './confirm.ts';
import { DiskPressure, usedPercentOf } from './disk-pressure.ts';
import { Edge, edgePaths } from './edge.ts';
import { grantCheck } from './grant-check.ts';
import { LocalWorld } from './local-world.ts';
import type { Pump } from './pump.ts';
import { type PortGiver, ServiceSpecs } from './service-specs.ts';
import { Told } from './told.ts';
import { worldPrinter } from './world-print.ts';

/** Every plugin that a distribution of the edge has. */
export const EDGE_PLUGINS: readonly Plugin[] = [providerProcess, healthProbe];

export interface EdgeOptions {
  readonly node: string;
  readonly root: string;
  readonly bootId: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Log;
  readonly link: HubLink;
  readonly ports: PortGiver;
  readonly modulesDir: string;
  /** The hub on this machine prints the world of the fleet into the same folder. */
  readonly hubPrints: boolean;
  readonly configs: ReadonlyMap<string, unknown>;
  readonly disabled: ReadonlyMap<string, string>;
  readonly mark?: Mark;
  readonly plugins?: readonly Plugin[];
  readonly random?: () => number;
  readonly diskPressure: Settings['diskPressure'];
  /** Of the disk below the root, in percent; as `df` says it unless told. */
  readonly usedPercent?: () => Promise<number>;
}

export async function openEdge(options: EdgeOptions): Promise<Edge> {
  const { node, root, bootId, disk, clock, link } = options;
  const log = options.log.with({ node });
  const paths = edgePaths(root);
  const random = options.random ?? Math.random;
  const plugins = options.plugins ?? EDGE_PLUGINS;
  const registry = builtInEvents(plugins.flatMap((plugin) => plugin.events ?? []));
  const quarantine = new Quarantine({ disk, dir: paths.quarantine, clock, log });
  const onBad = async (path: string, reason: string): Promise<void> => {
    log.warn('a file cannot be read and is set aside', { path, reason });
    await quarantine.take(path, reason);
  };
  const events = await EdgeLog.open({
    disk,
    dir: paths.log,
    node,
    clock,
    registry,
    randomId: randomLogId(random),
    log,
  });
  const emit: Emit = (fact) => events.append(fact);
  const world = await LocalWorld.open(disk, paths.snapshot, events, log, onBad, registry);
  const told = await Told.open({
    disk,
    desired: paths.desired,
    approved: paths.approved,
    log: () => events.log,
    verified: (service) => world.view.rows<VerifiedRow>('control', 'verified').get(serviceKey(node, service)),
    onBad,
  });
  let pump: Pump | undefined;
  const fetch = (digest: string): Promise<Bundle> => {
    if (pump === undefined) return Promise.reject(new Error('the link is not open yet'));
    return pump.bundle(digest);
  };
  const bundles = new Bundles(disk, paths.bundles, fetch, onBad);
  const specs = new ServiceSpecs({
    node,
    root,
    worldDir: paths.world,
    modulesDir: options.modulesDir,
    disk,
    bundles,
    ports: options.ports,
  });
  const scope = Scope.root(`edge ${node}`);
  scope.value(CLOCK, clock);
  scope.value(LOG, log);
  scope.value(EMIT, emit);
  scope.value(STORE, disk);
  let edge: Edge | undefined;
  const host = new PluginHost({
    plugins,
    role: 'edge',
    configs: options.configs,
    parent: scope,
    clock,
    log,
    wire: (id, own) => own.value(PLACE, { node, root, stateDir: join(paths.plugins, id), logsDir: paths.logs, bootId }),
    disabled: options.disabled,
    ...(options.mark === undefined ? {} : { mark: options.mark }),
    onStateChange: (state) => {
      if (state.state === 'running' && state.restarts > 0) edge?.pluginBack();
      if (state.state === 'running' && state.restarts === 0) return;
      if (state.state !== 'running' && state.state !== 'degraded' && state.state !== 'disabled') return;
      const reason = state.reason === undefined ? {} : { reason: state.reason };
      void emit({ type: 'plugin_changed', data: { plugin: state.id, state: state.state, ...reason } }).catch(() => {});
    },
  });
  const provider = host.handle<'provider'>('provider.process');
  const applierArgs = { provider, specs, told, bundles };
  const appliers = [serviceApplier(applierArgs), nodeApplier(applierArgs)];
  const runner = new Runner({
    disk,
    dir: paths.edge,
    node,
    nameOfToday: () => told.node,
    clock,
    log,
    appliers: (resource) =>
      appliers.find(({ id }) => id === resource) ?? host.appliers().find(({ id }) => id === resource),
    emit,
    confirm: confirmOn(world, clock, node),
    ulid,
    check: grantCheck(told),
  });
  edge = new Edge({
    node,
    root,
    bootId,
    disk,
    clock,
    log,
    link,
    events,
    emit,
    world,
    told,
    bundles,
    specs,
    host,
    provider,
    sources: () => host.contracts('health').map(({ contract }) => contract),
    runner,
    ulid,
    random,
    pressure: new DiskPressure({
      clock,
      emit,
      log,
      thresholds: options.diskPressure,
      usedPercent: options.usedPercent ?? (() => usedPercentOf(root)),
      said: () => world.view.rows<PressureRow>('health', 'pressure').get(`${node}/disk`)?.level,
    }),
    print: options.hubPrints ? undefined : worldPrinter(disk, paths.world, node, world, clock),
    fetchThrough: (made) => {
      pump = made;
    },
  });
  return edge;
}

function randomLogId(random: () => number): () => string {
  const digits = '0123456789abcdefghijklmnopqrstuvwxyz';
  return () => Array.from({ length: 12 }, () => digits[Math.floor(random() * digits.length)]).join('');
}
