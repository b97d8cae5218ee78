/**
 * The hub's end of the link: who is connected, what each node has acknowledged, what it is told, what it may do.
 *
 * INVARIANTS: one session a node, the newest; a node speaks for itself only; a log whose past differs from the journal's is told to
 * begin anew; nothing here decides anything about services.
 */

import {
  type Beat,
  type EventBatch,
  type Hello,
  type HubLink,
  PROTOCOL,
  type Told,
  type Welcome,
  type Work,
} from '@lab/kernel/link/link';
import {
  type Bundle,
  type Clock,
  digestOf,
  EVENT_CLASSES,
  type EventClass,
  type Fact,
  instant,
  LabError,
  type LinkView,
} from '@lab/sdk';

interface Position {
  readonly seq: number;
  readonly hash: string | null;
}

/** What of the journal the link needs. */
export interface LinkJournal {
  position(node: string, log: string, cls: EventClass): Position | undefined;
  accept(
    sender: { readonly node: string; readonly log: string },
    batch: EventBatch,
  ): Promise<{ readonly acked: number }>;
  own(facts: readonly Fact[]): Promise<unknown>;
}

/** What the hub has to say to a node. */
export interface NodeDesk {
  /** The name of today of a node of this fleet that talks over the link, or undefined. */
  nameOf(raw: string): string | undefined;
  heartbeatMs(node: string): number;
  told(node: string, sender: { readonly raw: string; readonly log: string }): Told;
  /** Makes the generation of a node at least this. */
  raiseGeneration(node: string, above: number): Promise<void>;
  bundle(node: string, digest: string): Bundle | undefined;
  work(node: string): Work;
  /** Goes up whenever `work` of that node changes. */
  workVersion(node: string): number;
  onHello(node: string): Promise<void>;
}

interface Session {
  readonly id: string;
  readonly node: string;
  readonly raw: string;
  readonly log: string;
  readonly epoch: number;
  readonly named: Readonly<Record<EventClass, number>>;
  readonly hints: Set<() => void>;
}

export class LinkEnd implements HubLink {
  readonly #journal: LinkJournal;
  readonly #desk: NodeDesk;
  readonly #clock: Clock;
  readonly #newSession: () => string;
  readonly #sessions = new Map<string, Session>();
  readonly #byNode = new Map<string, Session>();
  readonly #heardAt = new Map<string, { readonly wall: number; readonly monotonic: number }>();

  constructor(journal: LinkJournal, desk: NodeDesk, clock: Clock, newSession: () => string) {
    this.#journal = journal;
    this.#desk = desk;
    this.#clock = clock;
    this.#newSession = newSession;
  }

  async hello(hello: Hello): Promise<Welcome> {
    if (hello.protocol < PROTOCOL - 1 || hello.protocol > PROTOCOL + 1) {
      throw new LabError('refused', `protocol ${hello.protocol} is not spoken here`, {
        at: hello.node,
        hint: `this hub speaks ${PROTOCOL - 1} to ${PROTOCOL + 1}: update the older of the two`,
      });
    }
    const node = this.#desk.nameOf(hello.node);
    if (node === undefined)
      throw new LabError('refused', `no node ${hello.node} in this fleet`, {
        at: hello.node,
        hint: 'add it to inventory/topology.yaml',
      });
    this.#heard(node);
    const newLog = EVENT_CLASSES.some((cls) => this.#differs(hello, cls));
    const acked = Object.fromEntries(
      EVENT_CLASSES.map((cls) => [cls, this.#journal.position(hello.node, hello.log, cls)?.seq ?? 0]),
    ) as Record<EventClass, number>;
    if (!newLog) await this.#settleGeneration(node, hello);
    const named = Object.fromEntries(EVENT_CLASSES.map((cls) => [cls, hello.streams[cls].last])) as Record<
      EventClass,
      number
    >;
    const session: Session = {
      id: this.#newSession(),
      node,
      raw: hello.node,
      log: hello.log,
      epoch: hello.epoch,
      named,
      hints: new Set(),
    };
    if (!newLog) {
      this.#end(this.#byNode.get(node));
      this.#sessions.set(session.id, session);
      this.#byNode.set(node, session);
      await this.#desk.onHello(node);
    }
    const told = this.#desk.told(node, session);
    return {
      session: session.id,
      node,
      acked,
      newLog,
      generation: told.desired.generation,
      heartbeatMs: this.#desk.heartbeatMs(node),
      time: instant(this.#clock.now()),
    };
  }

  async events(id: string, batch: EventBatch): Promise<number> {
    const session = this.#session(id);
    const { acked } = await this.#journal.accept({ node: session.raw, log: session.log }, batch);
    return acked;
  }

  async heartbeat(id: string): Promise<Beat> {
    const session = this.#session(id);
    const { desired, approved } = this.#desk.told(session.node, session);
    return {
      generation: desired.generation,
      approvedHash: digestOf(approved.approved),
      work: this.#desk.workVersion(session.node),
    };
  }

  async told(id: string): Promise<Told> {
    const session = this.#session(id);
    return this.#desk.told(session.node, session);
  }

  async bundle(id: string, digest: string): Promise<Bundle> {
    const session = this.#session(id);
    const bundle = this.#desk.bundle(session.node, digest);
    if (bundle === undefined)
      throw new LabError('not_found', `no bundle ${digest} for ${session.node}`, {
        at: session.node,
        hint: 'the fleet has moved on: plan again',
      });
    return bundle;
  }

  async work(id: string): Promise<Work> {
    return this.#desk.work(this.#session(id).node);
  }

  onHint(id: string, hint: () => void): () => void {
    const session = this.#session(id);
    session.hints.add(hint);
    return () => void session.hints.delete(hint);
  }

  /** Tells a connected node that a heartbeat would bring something new. */
  hint(node: string): void {
    for (const hint of this.#byNode.get(node)?.hints ?? []) hint();
  }

  /** What the planner sees of a node's connection. */
  view(node: string): LinkView {
    const session = this.#byNode.get(node);
    return {
      connected: session !== undefined,
      epoch: session?.epoch ?? null,
      caughtUp:
        session !== undefined &&
        EVENT_CLASSES.every(
          (cls) => (this.#journal.position(session.raw, session.log, cls)?.seq ?? 0) >= session.named[cls],
        ),
      lastHeardAt: this.#heardAt.get(node)?.wall ?? null,
    };
  }

  /** Milliseconds on the hub's own clock since the node's last word; undefined where it said none in this hub's life. */
  quietMs(node: string): number | undefined {
    const heard = this.#heardAt.get(node);
    return heard === undefined ? undefined : this.#clock.monotonic() - heard.monotonic;
  }

  /** The node is silent: whatever it says next begins with a hello. */
  disconnect(node: string): void {
    this.#end(this.#byNode.get(node));
  }

  #end(session: Session | undefined): void {
    if (session === undefined) return;
    this.#sessions.delete(session.id);
    if (this.#byNode.get(session.node) === session) this.#byNode.delete(session.node);
  }

  #session(id: string): Session {
    const session = this.#sessions.get(id);
    if (session === undefined)
      throw new LabError('refused', 'this conversation has ended', { hint: 'say hello again' });
    this.#heard(session.node);
    return session;
  }

  #heard(node: string): void {
    this.#heardAt.set(node, { wall: this.#clock.now(), monotonic: this.#clock.monotonic() });
  }

  /** A disk that was restored, truncated or cloned: the hub has more of this log than the node, or another line at its position. */
  #differs(hello: Hello, cls: EventClass): boolean {
    const position = this.#journal.position(hello.node, hello.log, cls);
    const tail = hello.streams[cls];
    if (position === undefined) return tail.first > 1;
    if (position.seq > tail.last || position.seq < tail.first - 1) return true;
    return (
      tail.acked === position.seq &&
      tail.ackedHash !== null &&
      position.hash !== null &&
      tail.ackedHash !== position.hash
    );
  }

  /** A generation below what the node accepted, or equal with other content, is raised above it. */
  async #settleGeneration(node: string, hello: Hello): Promise<void> {
    const { desired } = this.#desk.told(node, { raw: hello.node, log: hello.log });
    const same = hello.desiredHash === null || hello.desiredHash === digestOf(desired);
    if (hello.generation > desired.generation || (hello.generation === desired.generation && !same))
      await this.#desk.raiseGeneration(node, hello.generation);
  }
}
