/**
 * Who fell silent and who came back: transitions of the link, said once each in the journal.
 *
 * A node that left the inventory is no longer talked to, and so it falls silent like any other: what was known of it grows stale.
 *
 * INVARIANTS: silence counts from the later of the last word and the hub's own start, on a clock that does not jump; a node that
 * never spoke is unseen, not silent. One at a time: a hello that comes while a silence is being written finds it written, and ends it.
 */
import { type Clock, type Fact, type Fleet, instant, type LinkRow, type NodeRow, type WorldView } from '@lab/sdk';

export interface SilenceArgs {
  readonly fleet: () => Fleet;
  readonly world: () => WorldView;
  readonly clock: Clock;
  /** Milliseconds since the node's last word in this hub's life; undefined where there was none. */
  readonly quietMs: (node: string) => number | undefined;
  readonly lastHeardAt: (node: string) => number | null;
  readonly own: (facts: readonly Fact[]) => Promise<unknown>;
  readonly disconnect: (node: string) => void;
}

/** Of a node that left the inventory. */
const LEFT_MS = 30_000;

export class Silence {
  readonly #args: SilenceArgs;
  readonly #startedAt: number;
  #last: Promise<unknown> = Promise.resolve();

  constructor(args: SilenceArgs) {
    this.#args = args;
    this.#startedAt = args.clock.monotonic();
  }

  /** Says who fell silent since the last look. */
  look(): Promise<void> {
    return this.#alone(() => this.#look());
  }

  /** A node said hello. */
  heard(node: string): Promise<void> {
    return this.#alone(() => this.#heard(node));
  }

  #alone(work: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }

  async #look(): Promise<void> {
    const { fleet, world, clock, quietMs, lastHeardAt, own, disconnect } = this.#args;
    const joined = world().rows<NodeRow>('control', 'node');
    const links = world().rows<LinkRow>('health', 'link');
    const facts: Fact[] = [];
    const { nodes, aliases } = fleet();
    for (const name of joined.keys()) {
      const node = nodes.get(name);
      if ((node !== undefined && node.provider !== 'edge') || aliases.has(name) || links.get(name)?.silent === true)
        continue;
      const quiet = quietMs(name) ?? clock.monotonic() - this.#startedAt;
      if (quiet <= (node?.silenceMs ?? LEFT_MS)) continue;
      disconnect(name);
      const last = lastHeardAt(name);
      facts.push({ type: 'node_silent', data: { node: name, lastWordAt: last === null ? null : instant(last) } });
    }
    if (facts.length > 0) await own(facts);
  }

  async #heard(node: string): Promise<void> {
    const { world, own } = this.#args;
    const facts: Fact[] = [];
    if (!world().rows<NodeRow>('control', 'node').has(node)) facts.push({ type: 'node_joined', data: { node } });
    if (world().rows<LinkRow>('health', 'link').get(node)?.silent === true)
      facts.push({ type: 'node_back', data: { node } });
    if (facts.length > 0) await own(facts);
  }
}
