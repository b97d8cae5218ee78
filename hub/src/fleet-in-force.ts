/**
 * The fleet in force on this hub: what a new revision changes in journal, bundles and what nodes are told.
 *
 * INVARIANTS: a broken edit leaves the last good fleet in force and is said once; whatever replaying the journal needs of a fleet
 * (aliases, who left) is in the journal.
 */
import type { FleetSource } from '@lab/kernel/inventory/watch';
import type { AliasRow } from '@lab/kernel/observer/fold';
import {
  type Clock,
  EVENT_CLASSES,
  type Fact,
  type Fleet,
  type FleetRow,
  LabError,
  type Log,
  type NodeRow,
  type ProblemView,
  type WorldView,
} from '@lab/sdk';
import type { BundleArchive } from './bundle-archive.ts';
import { ghosts } from './pruning.ts';

export interface FleetArgs {
  readonly source: FleetSource;
  readonly world: () => WorldView;
  readonly clock: Clock;
  readonly log: Log;
  readonly archive: BundleArchive;
  readonly own: (facts: readonly Fact[]) => Promise<unknown>;
  /** What nodes are told may have changed. */
  readonly refresh: () => Promise<void>;
  readonly nudge: () => void;
}

export class FleetInForce {
  readonly #args: FleetArgs;
  readonly #listeners = new Set<(fleet: Fleet) => void>();
  #fleet: Fleet;
  #at: number;
  #problems: readonly ProblemView[] = [];
  #saidBroken = '';

  constructor(args: FleetArgs, fleet: Fleet) {
    this.#args = args;
    this.#fleet = fleet;
    this.#at = args.clock.now();
  }

  get fleet(): Fleet {
    return this.#fleet;
  }

  get at(): number {
    return this.#at;
  }

  /** Problems of an edit that is not in force. */
  get problems(): readonly ProblemView[] {
    return this.#problems;
  }

  onChange(listener: (fleet: Fleet) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Reads the files again; resolves when what they say is in force, or was refused. */
  async reload(): Promise<void> {
    await this.take(await this.#args.source.reload());
  }

  /** What a reading of the files gave. */
  async take({
    fleet,
    problems,
  }: {
    readonly fleet?: Fleet | undefined;
    readonly problems: readonly ProblemView[];
  }): Promise<void> {
    this.#problems = fleet === undefined ? problems : problems.filter(({ severity }) => severity === 'error');
    if (fleet === undefined) return this.#broken(problems);
    this.#saidBroken = '';
    if (fleet !== this.#fleet) {
      this.#fleet = fleet;
      this.#at = this.#args.clock.now();
    }
    await this.establish();
  }

  /** Says what is new of the fleet in force, and tells the nodes. Also at a start. */
  async establish(): Promise<void> {
    const { world, own, archive, refresh, nudge } = this.#args;
    const facts = this.#news(world());
    if (facts.length > 0) await own(facts);
    await archive.keep(this.#fleet, world());
    await refresh();
    for (const listener of this.#listeners) listener(this.#fleet);
    nudge();
  }

  /** Forgets what left and is gone. Cheap where there is nothing. */
  async prune(): Promise<void> {
    const facts = ghosts(this.#fleet, this.#args.world());
    if (facts.length > 0) await this.#args.own(facts);
  }

  #news(world: WorldView): Fact[] {
    const facts: Fact[] = [];
    const { revision, nodes, services, aliases } = this.#fleet;
    if (world.rows<FleetRow>('control', 'fleet').get('fleet')?.revision !== revision) {
      facts.push({ type: 'fleet_changed', data: { revision, nodes: nodes.size, services: services.size } });
    }
    const known = world.rows<AliasRow>('control', 'alias');
    if (known.size !== aliases.size || [...aliases].some(([old, node]) => known.get(old)?.node !== node)) {
      facts.push({ type: 'aliases_changed', data: { aliases: Object.fromEntries(aliases) } });
    }
    // One that spoke under its old name is not another node now: what it runs, and what was approved for it, is the new name's.
    const joined = world.rows<NodeRow>('control', 'node');
    for (const [from, node] of aliases)
      if (joined.has(from) && !joined.has(node))
        facts.push(...EVENT_CLASSES.map((cls) => ({ type: 'node_renamed', class: cls, data: { node, from } })));
    return facts;
  }

  async #broken(problems: readonly ProblemView[]): Promise<void> {
    const errors = problems.filter(({ severity }) => severity === 'error');
    const first = errors[0] === undefined ? '' : `${errors[0].at} ${errors[0].message}`;
    const saying = `${errors.length} ${first}`;
    if (saying === this.#saidBroken) return;
    this.#saidBroken = saying;
    this.#args.log.warn('the fleet has problems; the last good revision stays in force', {
      problems: errors.length,
      first,
    });
    await this.#args.own([{ type: 'inventory_broken', data: { problems: errors.length, first } }]);
  }
}

/** The first start with a broken fleet ends with the list of errors. */
export function brokenAtStart(problems: readonly ProblemView[], dir: string): LabError {
  return new LabError(
    'inventory_invalid',
    `the fleet in ${dir} has ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`,
    {
      at: dir,
      hint: `see all of them: lab validate --repo ${dir}`,
      data: { problems },
    },
  );
}
