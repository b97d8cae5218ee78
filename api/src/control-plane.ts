/**
 * What the routes serve: implemented by the hub for the fleet (and later by an edge for its node). The routes know HTTP and
 * nothing else; everything here throws `LabError`, whose code decides the status.
 */
import type {
  ActionState,
  ActionView,
  AuditLine,
  DoctorView,
  EventView,
  NodeView,
  PlanView,
  PluginView,
  ReplayView,
  ServiceView,
  ShowView,
  StatusView,
  TargetView,
} from '@lab/sdk';

export interface Caller {
  /** Who, for the audit: `operator@host`. */
  readonly who: string;
  readonly via: string;
}

export interface ApproveRequest {
  /** planHash (a prefix of 7 or more) that was seen; absent only with `yes`. */
  readonly hash?: string;
  readonly ulid?: string;
  readonly yes?: boolean;
  readonly note?: string;
  /** Do not wait for the window. */
  readonly now?: boolean;
}

export interface EventQuery {
  /** After this ordinal. */
  readonly after?: number;
  readonly node?: string;
  readonly service?: string;
  readonly type?: string;
  readonly class?: string;
  /** Received at this instant or later. The routes drop earlier ones themselves: a plane may use it to read less. */
  readonly since?: string;
  /** The newest so many. */
  readonly limit: number;
}

export interface ControlPlane {
  status(): Promise<StatusView>;
  nodes(target?: string): Promise<NodeView[]>;
  services(target?: string): Promise<ServiceView[]>;
  actions(states?: readonly ActionState[]): Promise<ActionView[]>;
  /** `id` or `id@ulid`, `node`, `node/service`. */
  show(name: string): Promise<ShowView>;
  /** Reads the inventory again first. */
  plan(target?: string): Promise<PlanView>;
  approve(id: string, request: ApproveRequest, caller: Caller): Promise<ActionView>;
  /** Approves exactly these, each as it was seen; all or none is not promised: each answer stands for itself. */
  apply(
    items: readonly { readonly id: string; readonly ulid: string; readonly hash: string }[],
    note: string | undefined,
    caller: Caller,
  ): Promise<{ approved: ActionView[]; refused: { id: string; reason: string }[] }>;
  reject(
    id: string,
    request: { readonly reason: string; readonly forMs?: number },
    caller: Caller,
  ): Promise<ActionView>;
  cancel(id: string, request: { readonly reason: string }, caller: Caller): Promise<ActionView>;
  /** stop, start, restart by a person. */
  person(
    verb: 'stop' | 'start' | 'restart',
    node: string,
    service: string,
    reason: string,
    caller: Caller,
  ): Promise<ActionView>;
  maintenance(
    request: { readonly query: string; readonly forMs: number; readonly reason: string } | { readonly off: string },
    caller: Caller,
  ): Promise<{ id: string; until: string | null; nodes: string[] }>;
  maintenances(): Promise<{ id: string; query: string; until: string; reason: string; by: string }[]>;
  targets(query: string): Promise<TargetView>;
  events(query: EventQuery): Promise<EventView[]>;
  /** Calls `each` for every event after `after`, those on disk first, then live. Returns when the signal aborts. */
  follow(after: number, each: (event: EventView) => Promise<void> | void, signal: AbortSignal): Promise<void>;
  /** The newest ordinal. */
  head(): number;
  replay(until: string): Promise<ReplayView>;
  plugins(): Promise<PluginView[]>;
  audit(limit: number): Promise<AuditLine[]>;
  auditVerify(): Promise<{ ok: boolean; lines: number; problem?: string }>;
  doctor(): Promise<DoctorView>;
  logs(
    node: string,
    service: string,
    options: { readonly tail: number; readonly follow: boolean },
    signal: AbortSignal,
  ): AsyncIterable<string>;
  /** Prometheus text format. */
  metrics(): Promise<string>;
  /** Lines of output of a run, oldest first. */
  output(ulid: string): Promise<string[]>;
  ready(): Promise<{ ready: boolean; reason?: string }>;
}
