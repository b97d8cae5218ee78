/**
 * What the hub tells each node: its desired document with its generation, the approved digests, its open grants.
 *
 * INVARIANTS: a generation is on disk before a node hears of it; what a node is told changes if and only if its generation does.
 */

import type { Generations } from '@lab/kernel/inventory/generations';
import type { Told, Work } from '@lab/kernel/link/link';
import {
  type ActionRow,
  type ApprovedDoc,
  type ApprovedRow,
  type Bundle,
  type DesiredDoc,
  type DesiredEntry,
  type DesiredService,
  digestOf,
  type Fleet,
  type Grant,
  type HoldRow,
  type RunRow,
  type ServiceKey,
  type ServiceRow,
  type WorldView,
} from '@lab/sdk';
import type { NodeDesk } from './link-end.ts';

export interface DeskArgs {
  readonly fleet: () => Fleet;
  readonly world: () => WorldView;
  readonly generations: Generations;
  /** How far the control stream of a sender is folded. */
  readonly controlSeq: (raw: string, log: string) => number;
  readonly hint: (node: string) => void;
  /** A bundle that this node may have: of the present fleet, or one that was approved for it. */
  readonly bundle: (node: string, digest: string) => Bundle | undefined;
  readonly onHello: (node: string) => Promise<void>;
  /** ULIDs that were approved in an earlier life: their grants may be at their nodes. */
  readonly handedOut?: Iterable<string>;
}

const NO_WORK: Work = { grants: [], cancelled: [] };

type Content = Omit<DesiredDoc, 'generation'>;

export class Desk implements NodeDesk {
  readonly #args: DeskArgs;
  readonly #docs = new Map<string, DesiredDoc>();
  readonly #work = new Map<string, Work>();
  readonly #workVersions = new Map<string, number>();
  /** ULIDs whose grants nodes may have. */
  readonly #handedOut: Set<string>;
  /** ULIDs that were taken back before any node could have them. */
  readonly #withdrawn = new Set<string>();

  constructor(args: DeskArgs) {
    this.#args = args;
    this.#handedOut = new Set(args.handedOut);
  }

  /** Computes what every node is told now; hints those for which it changed. Call after a new fleet or a hold. */
  async refresh(): Promise<void> {
    const fleet = this.#args.fleet();
    const changed: string[] = [];
    for (const node of fleet.nodes.keys()) {
      const content = this.#content(fleet, node);
      const generation = this.#args.generations.raise(node, digestOf(content));
      if (this.#docs.get(node)?.generation === generation) continue;
      this.#docs.set(node, { ...content, generation });
      changed.push(node);
    }
    for (const node of this.#docs.keys()) if (!fleet.nodes.has(node)) this.#docs.delete(node);
    await this.#args.generations.save();
    for (const node of changed) this.#args.hint(node);
  }

  /** The grants that are open for each node, and what it should void or stop; hints those for which it changed. `open`: ULIDs not ended. */
  setWork(work: ReadonlyMap<string, Work>, open?: ReadonlySet<string>): void {
    if (open !== undefined)
      for (const ulids of [this.#handedOut, this.#withdrawn])
        for (const ulid of ulids) if (!open.has(ulid)) ulids.delete(ulid);
    for (const node of new Set([...this.#work.keys(), ...work.keys()])) {
      const next = this.#withoutWithdrawn(work.get(node));
      const before = this.#work.get(node);
      if (before !== undefined && same(before, next)) continue;
      if (before === undefined && next.grants.length === 0 && next.cancelled.length === 0) continue;
      this.#work.set(node, next);
      this.#workVersions.set(node, this.workVersion(node) + 1);
      this.#args.hint(node);
    }
  }

  /** True where no node can have the grant of this proposal; from now on none gets it. */
  withdraw(ulid: string): boolean {
    if (this.#handedOut.has(ulid)) return false;
    this.#withdrawn.add(ulid);
    for (const [node, work] of this.#work) this.#work.set(node, this.#withoutWithdrawn(work));
    return true;
  }

  generation(node: string): number {
    return this.#docs.get(node)?.generation ?? 0;
  }

  nameOf(raw: string): string | undefined {
    const fleet = this.#args.fleet();
    const name = fleet.aliases.get(raw) ?? raw;
    return fleet.nodes.get(name)?.provider === 'edge' ? name : undefined;
  }

  heartbeatMs(node: string): number {
    return this.#args.fleet().nodes.get(node)?.heartbeatMs ?? 10_000;
  }

  told(node: string, sender: { readonly raw: string; readonly log: string }): Told {
    const desired = this.#docs.get(node) ?? { ...this.#content(this.#args.fleet(), node), generation: 0 };
    return { desired, approved: this.#approved(node, sender) };
  }

  async raiseGeneration(node: string, above: number): Promise<void> {
    this.#args.generations.atLeast(node, above + 1);
    this.#docs.delete(node);
    await this.refresh();
  }

  bundle(node: string, digest: string): Bundle | undefined {
    return this.#args.bundle(node, digest);
  }

  work(node: string): Work {
    const work = this.#work.get(node) ?? NO_WORK;
    for (const { ulid } of work.grants) this.#handedOut.add(ulid);
    return work;
  }

  workVersion(node: string): number {
    return this.#workVersions.get(node) ?? 0;
  }

  onHello(node: string): Promise<void> {
    return this.#args.onHello(node);
  }

  #withoutWithdrawn(work: Work = NO_WORK): Work {
    return { ...work, grants: work.grants.filter(({ ulid }) => !this.#withdrawn.has(ulid)) };
  }

  #content(fleet: Fleet, node: string): Content {
    const holds = this.#args.world().rows<HoldRow>('control', 'hold');
    const services = (fleet.servicesOf.get(node) ?? []).flatMap((key) =>
      entryOf(fleet.services.get(key), holds.has(key)),
    );
    return { node, heartbeatMs: this.heartbeatMs(node), services };
  }

  /**
   * The fold's approved digests of one node, orphans included. A change that the node has verified and the hub is about to complete
   * counts already: the position in this document says that the hub has folded that verification.
   */
  #approved(node: string, { raw, log }: { readonly raw: string; readonly log: string }): ApprovedDoc {
    const world = this.#args.world();
    const rows = world.rows<ApprovedRow>('control', 'approved');
    const approved: Record<string, string> = {};
    const take = (key: ServiceKey, service: string): void => {
      const digest = rows.get(key)?.digest;
      if (digest !== undefined) approved[service] = digest;
    };
    for (const key of this.#args.fleet().servicesOf.get(node) ?? []) take(key, key.slice(node.length + 1));
    for (const row of this.#orphans(node)) take(`${node}/${row.service}`, row.service);
    const runs = world.rows<RunRow>('control', 'run');
    for (const [id, run] of runs) {
      if (run.node !== node || run.state !== 'verified') continue;
      const action = world.rows<ActionRow>('control', 'action').get(id);
      if (
        action === undefined ||
        action.ulid !== run.ulid ||
        (action.state !== 'running' && action.state !== 'approved')
      )
        continue;
      const { service, class: cls, to } = action.change;
      if (service !== null && cls === 'change' && to !== null) approved[service] = to;
      if (service !== null && cls === 'remove') delete approved[service];
    }
    return { node, log, seq: this.#args.controlSeq(raw, log), approved };
  }

  #orphans(node: string): ServiceRow[] {
    const fleet = this.#args.fleet();
    const orphans: ServiceRow[] = [];
    for (const [key, row] of this.#args.world().rows<ServiceRow>('health', 'service')) {
      if (row.node === node && !fleet.services.has(key as ServiceKey)) orphans.push(row);
    }
    return orphans;
  }
}

function entryOf(service: DesiredService | undefined, held: boolean): DesiredEntry[] {
  if (service === undefined) return [];
  const { name, digest, monitor, observed, dependsOn, wave, definition, policy } = service;
  return [
    {
      service: name,
      digest,
      monitor,
      observed,
      dependsOn: [...dependsOn],
      wave,
      held,
      definition,
      policy: { heal: policy.heal, autonomy: [...policy.autonomy] },
    },
  ];
}

function same(a: Work, b: Work): boolean {
  const ids = (work: Work): string =>
    [...work.grants.map((grant: Grant) => grant.ulid), '|', ...work.cancelled.map(({ ulid }) => ulid)].join(' ');
  return ids(a) === ids(b);
}
