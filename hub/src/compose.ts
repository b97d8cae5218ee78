/** The hub, put together: journal, fold, fleet, queue, loop, link and API. Opening reads what is on disk; nothing moves before `start`. */
import { createApp } from '@lab/api/app';
import { type Served, serve } from '@lab/api/serve';
import type { ViewInput } from '@lab/api/views/input';
import { Audit } from '@lab/kernel/actions/audit';
import { ByHand } from '@lab/kernel/actions/by-hand';
import { ActionStore } from '@lab/kernel/actions/store';
import type { Disk } from '@lab/kernel/disk/disk';
import { Generations } from '@lab/kernel/inventory/generations';
import { FleetSource } from '@lab/kernel/inventory/watch';
import { builtInEvents } from '@lab/kernel/observer/events/built-in';
import type { Journal } from '@lab/kernel/observer/journal';
import { Quarantine } from '@lab/kernel/observer/quarantine';
import { replay } from '@lab/kernel/observer/replay';
import type { Mark } from '@lab/kernel/plugins/door';
import { nodeResource } from '@lab/kernel/supervisor/node-resource';
import { serviceResource } from '@lab/kernel/supervisor/service-resource';
import {
  type ActionRow,
  type Clock,
  type Fact,
  type Fleet,
  instant,
  LabError,
  type LinkView,
  type Log,
  type Plugin,
  type PluginView,
  type RuntimeKind,
  type StatedAction,
  serviceKey,
} from '@lab/sdk';
import { ulid } from 'ulid';
import { BundleArchive } from './bundle-archive.ts';
import { Commands } from './commands.ts';
import { ControlLoop } from './control-loop.ts';
import { Desk } from './desk.ts';
import { doctor } from './doctor.ts';
import { EventReader } from './event-reader.ts';
import { brokenAtStart, FleetInForce } from './fleet-in-force.ts';
import { fleetTargets } from './fleet-targets.ts';
import { Hub } from './hub.ts';
import { hubPlugins, mustBeConfigured } from './hub-plugins.ts';
import { LinkEnd } from './link-end.ts';
import { openMemory } from './memory.ts';
import { cancelUnspoken, factsOf, reconcile } from './moves.ts';
import { hubPaths } from './paths.ts';
import { Plane } from './plane.ts';
import { ownRoot } from './root-owner.ts';
import { Silence } from './silence.ts';
import { apiToken } from './token.ts';
import { viewInput } from './view-input.ts';
import { worldPrinter } from './world-print.ts';

export interface HubOptions {
  readonly root: string;
  /** The fleet's directory. */
  readonly repo: string;
  readonly runtime?: RuntimeKind;
  /** NODE_ALIAS_MAP: a JSON object, old name to name of today. */
  readonly aliasMap?: string | undefined;
  /** Absent: nothing listens, and the hub is reached through its plane only. */
  readonly port?: number;
  /** Whether checkpoints go into a database; true unless told. */
  readonly database?: boolean;
  readonly version: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Log;
  /** The edges in this process: their plugins and logs are shown through the hub. */
  /** Every plugin of this distribution, of either role. */
  readonly plugins: readonly Plugin[];
  /** Plugins that are not to run, with the reason. */
  readonly disabled: ReadonlyMap<string, string>;
  readonly mark?: Mark;
  readonly edges: () => ReadonlyMap<string, LocalEdge>;
}

/** What the hub shows of an edge in its own process. */
export interface LocalEdge {
  plugins(): readonly Omit<PluginView, 'node'>[];
  logs(
    service: string,
    options: { readonly tail: number; readonly follow: boolean; readonly signal: AbortSignal },
  ): AsyncIterable<string>;
}

const PRINT_EVERY_MS = 1_000;
/** What holds or frees a service. */
const HOLDS: ReadonlySet<string> = new Set(['service_held', 'service_released']);

export async function openHub(options: HubOptions): Promise<Hub> {
  const { root, repo, disk, clock, log } = options;
  const paths = hubPaths(root);
  const quarantine = new Quarantine({ disk, dir: paths.quarantine, clock, log });
  const onBad = async (path: string, reason: string): Promise<void> => {
    log.warn('a file cannot be read and is set aside', { path, reason });
    await quarantine.take(path, reason);
  };
  const source = new FleetSource({
    dir: repo,
    clock,
    options: { aliasMap: options.aliasMap, ...(options.runtime === undefined ? {} : { runtime: options.runtime }) },
  });
  const first = await source.reload();
  if (first.fleet === undefined) throw brokenAtStart(first.problems, repo);
  mustBeConfigured(options.plugins, first.fleet);
  await ownRoot(disk, { path: paths.fleet, root, repo }, onBad);
  const registry = builtInEvents(options.plugins.flatMap((plugin) => plugin.events ?? []));

  const memory = await openMemory({
    database: options.database ?? true,
    disk,
    root,
    clock,
    log,
    registry,
    quarantine,
    hubNode: first.fleet.hub,
  });
  const { journal, observer } = memory;
  const own = (facts: readonly Fact[]): Promise<unknown> => journal.own(facts);
  const world = () => observer.world;
  const setAside = async (name: string, bytes: Uint8Array | string, reason: string): Promise<void> => {
    await quarantine.put(name, bytes, reason);
    await own([{ type: 'file_quarantined', data: { name, reason } }]);
  };

  const audit = await Audit.open({ disk, dir: paths.audit, anchor: paths.auditAnchor, clock, log });
  const store = await ActionStore.open({
    disk,
    dir: paths.actions,
    audit,
    clock,
    log,
    ulid,
    quarantine: setAside,
    onMoved: (moved) => journal.own(factsOf(moved)).then(() => {}),
  });
  const unsaid = reconcile(store, observer.world);
  if (unsaid.length > 0) await own(unsaid);
  await cancelUnspoken(store, instant(clock.now()));

  const generations = await Generations.load(disk, paths.generations);
  const archive = new BundleArchive(disk, paths.bundles, onBad);
  const parts: { loop?: ControlLoop; link?: LinkEnd; silence?: Silence; fleet?: FleetInForce } = {};
  const fleet = (): Fleet => parts.fleet?.fleet ?? (first.fleet as Fleet);
  const nudge = (): void => parts.loop?.nudge();
  const desk = new Desk({
    fleet,
    world,
    generations,
    controlSeq: (raw, of) => journal.position(raw, of, 'control')?.seq ?? 0,
    hint: (node) => parts.link?.hint(node),
    bundle: (_node, digest) => archive.at(digest),
    onHello: async (node) => {
      await parts.silence?.heard(node);
      nudge();
    },
    handedOut: store.open().map((action) => action.ulid),
  });
  const refresh = (): Promise<void> => desk.refresh();
  const inForce = new FleetInForce({ source, world, clock, log, archive, own, refresh, nudge }, first.fleet);
  parts.fleet = inForce;
  const link = new LinkEnd(journal, desk, clock, ulid);
  parts.link = link;
  const silence = new Silence({
    fleet,
    world,
    clock,
    quietMs: (node) => link.quietMs(node),
    lastHeardAt: (node) => link.view(node).lastHeardAt,
    own,
    disconnect: (node) => link.disconnect(node),
  });
  parts.silence = silence;
  const links = (): ReadonlyMap<string, LinkView> =>
    new Map([...fleet().nodes.keys()].map((node) => [node, link.view(node)]));
  const planned = (id: string) => parts.loop?.planned.changes.find((change) => change.id === id);
  const withdraw = (of: string): boolean => desk.withdraw(of);
  const commands = new Commands({ store, audit, fleet, world, clock, planned, own, refresh, nudge, ulid, withdraw });
  const byHand = new ByHand({
    store,
    disk,
    dir: paths.actions,
    log,
    clock,
    // It says itself what it refused.
    quarantine: async (name, bytes, reason) => void (await quarantine.put(name, bytes, reason)),
    onHand: (hand) => commands.byHand(hand),
    onRefused: async (path, reason) =>
      void (await own([{ type: 'file_quarantined', data: { name: path.slice(root.length + 1), reason } }])),
  });
  const host = hubPlugins({ ...options, fleet: first.fleet, journal });
  const timeouts = first.fleet.settings.timeoutMs;
  const builtIn = [serviceResource(timeouts), nodeResource(timeouts)];
  const loop = new ControlLoop({
    fleet,
    world,
    links,
    resources: () => [...builtIn, ...host.resources()],
    store,
    clock,
    log,
    own,
    healthFolded: (node, of, seq) => healthFolded(journal, fleet(), node, of, seq),
    cancelledBy: (action) => cancelledBy(world().rows<ActionRow>('control', 'action').get(action.id), action),
    generation: (node) => desk.generation(node),
    reachable: (node) => link.view(node).connected,
    setWork: (work, open) => desk.setWork(work, open),
    chores: [() => byHand.scan(), () => silence.look(), () => inForce.prune(), ...memory.chores],
  });
  parts.loop = loop;
  observer.onFolded((folded) => {
    nudge();
    // What a node is told has changed with it, whoever said it.
    if (folded.some(({ type }) => HOLDS.has(type)))
      void refresh().catch((cause: unknown) => log.error('nodes could not be told', { reason: String(cause) }));
  });
  source.onChange(
    (outcome) =>
      void inForce
        .take(outcome)
        .catch((cause: unknown) => log.error('a new revision could not be taken', { reason: String(cause) })),
  );

  const input = (): ViewInput => viewInput({ fleet: inForce, world: observer.world, link, desk, store, loop, clock });
  const events = new EventReader(journal, (event) => observer.nameOf(event.node));
  const token = await apiToken(disk, paths.token);
  const plane = new Plane({
    input,
    commands,
    events,
    head: () => journal.head,
    audit,
    targets: fleetTargets(fleet),
    bundleOf: (digest) => archive.of(digest),
    reload: async () => {
      await inForce.reload();
      await loop.turn();
    },
    replay: async (until) => replay({ journal, registry, start: await memory.worldBefore(until), until }),
    plugins: () => [
      ...host.views().map((plugin) => ({ ...plugin, node: `${fleet().hub} (hub)` })),
      ...[...options.edges()].flatMap(([node, edge]) => edge.plugins().map((plugin) => ({ ...plugin, node }))),
    ],
    doctor: () => doctor({ fleet: fleet(), journal, audit, root }),
    logs: (node, service, { tail, follow }, signal) => {
      const edge = options.edges().get(node);
      if (edge === undefined)
        throw new LabError('unreachable', `the logs of ${node} cannot be read from here`, {
          at: node,
          hint: 'see lab nodes',
        });
      const key = serviceKey(node, service);
      if (!fleet().services.has(key) && !observer.world.rows('health', 'service').has(key))
        throw new LabError('not_found', `there is no service ${key}`, {
          at: key,
          hint: 'see what there is: lab services',
        });
      return edge.logs(service, { tail, follow, signal });
    },
    ready: async () => ({ ready: true }),
  });
  const closing = new AbortController();
  const api =
    options.port === undefined
      ? undefined
      : await listen(
          options.port,
          createApp({ plane, token, version: options.version, clock, closing: closing.signal, log }),
        );
  await host.start();
  await source.start();

  return new Hub({
    clock,
    log,
    journal,
    observer,
    fleet: inForce,
    loop,
    link,
    plane,
    token,
    url: api?.url ?? '',
    housekeeping: [
      { everyMs: PRINT_EVERY_MS, run: worldPrinter(disk, paths.world, input, clock) },
      ...memory.housekeeping(fleet),
    ],
    closing: [() => host.stop(), () => source.stop(), () => closing.abort(), () => api?.close(), () => memory.close()],
  });

  async function listen(port: number, app: ReturnType<typeof createApp>): Promise<Pick<Served, 'url' | 'close'>> {
    const served = await serve({ app, port });
    await disk.replace(paths.hub, `${JSON.stringify({ url: served.url, pid: process.pid })}\n`);
    return { url: served.url, close: () => served.close().finally(() => disk.remove(paths.hub)) };
  }
}

/** Whether the hub has folded a node's health stream up to seq; the sender is known by its raw name. */
function healthFolded(journal: Journal, fleet: Fleet, node: string, log: string, seq: number): boolean {
  const names = [node, ...[...fleet.aliases].flatMap(([old, name]) => (name === node ? [old] : []))];
  return names.some((name) => (journal.position(name, log, 'health')?.seq ?? -1) >= seq);
}

function cancelledBy(row: ActionRow | undefined, action: StatedAction): string | undefined {
  return row?.ulid === action.ulid ? row.cancelling : undefined;
}
