/**
 * The contract of a resource type: one kind of thing that can drift. The kernel owns the loop (gates, policy, queue, grants);
 * a type says what has drifted on a node and how one change is applied. A new kind of drift needs nothing else.
 */
import type { ActionClass, Change, FileChange, Risk } from '../model/action.ts';
import type { Fleet } from '../model/fleet.ts';
import type { ServiceKey } from '../model/name.ts';
import type { LinkView, WorldView } from '../model/world.ts';
import type { RunContext, RunTrace } from './service-provider.ts';

/** What `drifts` may look at. Pure: no clock but `now`, no I/O. */
export interface PlanInput {
  readonly fleet: Fleet;
  readonly world: WorldView;
  readonly links: ReadonlyMap<string, LinkView>;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Node -> sorted keys of services that have rows and are not desired. Whoever plans many nodes computes it once. */
  readonly strays?: ReadonlyMap<string, readonly ServiceKey[]>;
}

export interface Drift {
  /** `unhealthy_service`, `dns_record`: the row of the drift table. */
  readonly rule: string;
  readonly cause?: string;
  /** One sentence: what is wrong. */
  readonly text: string;
  /** Ids of the events it rests on. */
  readonly evidence: readonly string[];
  readonly node: string;
  readonly service: string | null;
  /** Null: shown, nothing to do about it (`unmanaged_service`). */
  readonly verb: string | null;
  readonly class: ActionClass;
  readonly from: string | null;
  readonly to: string | null;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly risk: Risk;
}

export interface Verb {
  readonly timeoutMs: number;
  /** The id of its action: deterministic in node and service. */
  id(node: string, service: string | null): string;
}

/** What a change did on the node: the instance it made, where it made one. */
export interface Applied {
  readonly instance: string | null;
  /** Whether health must be positive from that instance before the action is completed; else executing it is enough. */
  readonly verify: 'health' | 'none';
}

export interface ResourceType {
  /** `service`, `dns-record`. */
  readonly id: string;
  readonly verbs: Readonly<Record<string, Verb>>;
  /**
   * Every drift of one node, most urgent first for each service. Called only for nodes that have spoken, are caught up and not
   * silent. Total: never throws on any world that the fold can produce.
   */
  drifts(node: string, input: PlanInput): Iterable<Drift>;
}

/** The other half, where the change is made: on the node that it concerns. */
export interface ResourceApplier {
  readonly id: string;
  /** What is there before: compared with after a crash. */
  preimage(change: Change): Promise<string | null>;
  apply(change: Change, run: RunContext): Promise<Applied>;
  /** What a run that was cut off has done. */
  trace(change: Change, run: string): Promise<RunTrace>;
  /** Evidence when it failed. */
  diagnose(change: Change): Promise<string>;
}

/** For previews: which files of a bundle differ. */
export interface Preview {
  readonly files: readonly FileChange[];
}
