/**
 * The link between a node and the hub, as the node sees it. The in-process one and the HTTP one pass the same contract suite.
 *
 * INVARIANTS: the node always calls, the hub answers; nothing depends on a hint arriving; every method rejects with
 * `unreachable` when the other end is not there, and with `refused` when it will not talk to this node or session any more,
 * which ends the conversation: the node says hello again.
 */
import type { ApprovedDoc, Bundle, DesiredDoc, EventClass, Grant } from '@lab/sdk';

export const PROTOCOL = 1;

export interface StreamTail {
  /** The first seq still on disk; last + 1 where there is none. */
  readonly first: number;
  /** The last seq on disk; 0 for an empty stream. */
  readonly last: number;
  /** The last seq that the hub acknowledged. */
  readonly acked: number;
  /** SHA-256 of the line of `acked`; null where it is 0 or no longer on disk. */
  readonly ackedHash: string | null;
}

export interface Hello {
  readonly protocol: number;
  /** As the node calls itself; the hub maps aliases. */
  readonly node: string;
  readonly log: string;
  readonly epoch: number;
  readonly bootId: string;
  readonly streams: Readonly<Record<EventClass, StreamTail>>;
  readonly generation: number;
  /** Digest of the accepted desired document; null where there is none. */
  readonly desiredHash: string | null;
}

export interface Welcome {
  readonly session: string;
  /** The node's name of today. */
  readonly node: string;
  readonly acked: Readonly<Record<EventClass, number>>;
  /** True: this disk was restored, truncated or cloned. Start a new log and say hello again. */
  readonly newLog: boolean;
  readonly generation: number;
  readonly heartbeatMs: number;
  /** The hub's time. */
  readonly time: string;
}

export interface EventBatch {
  readonly class: EventClass;
  /** Seq of the first line; must continue the acknowledged position. */
  readonly from: number;
  /** Lines of the node's log as they stand there, without the newline. */
  readonly lines: readonly string[];
}

export interface Beat {
  readonly generation: number;
  readonly approvedHash: string;
  /** Changes whenever `work` has something new. */
  readonly work: number;
}

export interface Told {
  readonly desired: DesiredDoc;
  readonly approved: ApprovedDoc;
}

export interface Work {
  /** Grants that are open for this node. */
  readonly grants: readonly Grant[];
  /** ULIDs of proposals to void if unused, and to stop if running. */
  /** With its action's id, a proposal whose grant never came is confirmed as unused too. */
  readonly cancelled: readonly { readonly ulid: string; readonly by: string; readonly id?: string }[];
}

export interface HubLink {
  hello(hello: Hello): Promise<Welcome>;
  /** Resolves with the new acknowledged seq of the class, once it is durable at the hub. */
  events(session: string, batch: EventBatch): Promise<number>;
  heartbeat(session: string): Promise<Beat>;
  told(session: string): Promise<Told>;
  bundle(session: string, digest: string): Promise<Bundle>;
  work(session: string): Promise<Work>;
  /** Calls `hint` when a heartbeat would tell something new. Returns how to stop. */
  onHint(session: string, hint: () => void): () => void;
}
