/**
 * Rows of the world: what events said, keyed by (class, kind, key). A row is written by events of its own class only, so that
 * classes may travel apart; what people see as a service is a join of rows.
 *
 * `receivedAt` members are times of receipt at the hub: they are for people, and are no part of worldHash.
 */
import type { Approval, Change } from './action.ts';
import type { EventClass } from './event.ts';
import type { Health } from './health.ts';

/** What one source says of one instance. */
export interface SourceState {
  readonly health: Health;
  /** Type of the negative event, where it is one. */
  readonly cause?: string;
  readonly detail?: string;
  readonly instance: string | null;
  /** Ids of the latest events that led here, newest last, at most 8. */
  readonly evidence: readonly string[];
  /** The sender's clock. */
  readonly since: string;
  readonly receivedAt: string;
}

/** ('health', 'service', node/service) */
export interface ServiceRow {
  readonly node: string;
  readonly service: string;
  /** False: it runs there and was never ours. */
  readonly managed: boolean;
  readonly digest: string | null;
  readonly instance: string | null;
  readonly pid?: number;
  readonly containerId?: string;
  readonly state: 'running' | 'exited' | 'removed';
  /** The run that made the instance. */
  readonly run?: string;
  /** Restarts by its provider since the instance's action. */
  readonly restarts: number;
  readonly ports: Readonly<Record<string, number>>;
  readonly sources: Readonly<Record<string, SourceState>>;
  /** Position of the newest event of this row in its node's health stream. */
  readonly log: string;
  readonly seq: number;
}

/** ('health', 'observation', node): the last `services_observed`. */
export interface ObservationRow {
  readonly epoch: number;
  readonly complete: boolean;
  readonly event: string;
  readonly at: string;
}

/** ('health', 'link', node): written by the hub's own health events. */
export interface LinkRow {
  readonly silent: boolean;
  readonly since: string;
  readonly event: string;
}

/** ('health', 'pressure', node/disk or node/memory) */
export interface PressureRow {
  readonly node: string;
  readonly what: 'disk' | 'memory';
  readonly level: 'high' | 'normal';
  readonly usedPercent: number;
  readonly event: string;
  readonly at: string;
  readonly receivedAt: string;
}

/** ('control', 'node', node) */
export interface NodeRow {
  readonly joinedAt: string;
  readonly event: string;
}

/** ('control', 'action', id): the newest proposal of that id, and what is remembered of earlier ones. Written by the hub. */
export interface ActionRow {
  readonly id: string;
  readonly ulid: string;
  readonly change: Change;
  readonly planHash: string;
  readonly state: 'pending' | 'approved' | 'running' | 'completed' | 'failed' | 'rejected' | 'cancelled';
  readonly createdAt: string;
  readonly approval?: Approval;
  readonly run?: string;
  readonly reason?: string;
  /** Who asked to cancel it, while the node has not confirmed that yet. */
  readonly cancelling?: string;
  readonly endedAt?: string;
  /** A rejection silences its drift until then. */
  readonly rejectedUntil?: string;
  /** planHash of what was rejected; absent: this proposal's. A heal and a change may share an id. */
  readonly rejectedHash?: string;
  /** Failures in a row of one change; its completion clears them. */
  readonly failures: number;
  readonly failedAt?: string;
  /** planHash of what failed; absent: this proposal's. */
  readonly failedHash?: string;
  /** Who cancelled it, and the planHash of what was cancelled: policy does not do that by itself until its drift is over. */
  readonly cancelledBy?: string;
  readonly cancelledHash?: string;
  /** Proposals of this id, newest last, at most 16; without those that another change took the place of. */
  readonly proposedAt: readonly string[];
  /** Heals approved by policy, newest last, at most 16. */
  readonly autoAt: readonly string[];
  /** Id of the newest event of this row. */
  readonly event: string;
}

/** ('control', 'run', ulid of the proposal): written by the node's own events. */
export interface RunRow {
  readonly ulid: string;
  readonly run: string;
  readonly node: string;
  readonly service: string | null;
  readonly state: 'started' | 'executed' | 'verified' | 'failed' | 'voided';
  readonly instance: string | null;
  /** Seq of the health event that confirmed it, in the node's health stream. */
  readonly healthSeq?: number;
  readonly reason?: string;
  readonly diagnosis?: string;
  readonly log: string;
  readonly at: string;
}

/** ('control', 'approved', node/service) */
export interface ApprovedRow {
  readonly digest: string;
  readonly ulid: string;
  readonly at: string;
}

/**
 * ('control', 'verified', node/service): the last change that the node itself saw confirmed, and where in its control stream it said
 * so. A node takes it for approved until the hub has folded that far; null after a removal.
 */
export interface VerifiedRow {
  readonly digest: string | null;
  readonly log: string;
  readonly seq: number;
}

/** ('control', 'hold', node/service) */
export interface HoldRow {
  readonly by: string;
  readonly why: string;
  readonly at: string;
  readonly event: string;
  /** The stop that it came of. */
  readonly ulid?: string;
}

/** ('control', 'maintenance', id) */
export interface MaintenanceRow {
  readonly id: string;
  readonly query: string;
  readonly until: string;
  readonly reason: string;
  readonly by: string;
  readonly at: string;
}

/** ('control', 'fleet', 'fleet') */
export interface FleetRow {
  readonly revision: string;
  readonly at: string;
}

/** What anyone may read of the world; only the fold writes it. */
export interface WorldView {
  /** The rows of one kind. `T` is what the events of that kind write. */
  rows<T>(cls: EventClass, kind: string): ReadonlyMap<string, T>;
  /** The newest ordinal that is folded. */
  readonly ord: number;
}

/** What the hub knows of a node's connection. Not folded: it is of this process, now. */
export interface LinkView {
  readonly connected: boolean;
  /** The epoch of the daemon that is connected, or was last. */
  readonly epoch: number | null;
  /** The fold has reached every position that the node named in its hello. */
  readonly caughtUp: boolean;
  readonly lastHeardAt: number | null;
}
