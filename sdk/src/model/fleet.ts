/** The compiled fleet: what is desired, immutable, each result with what it came through. */
import type { Bundle, Definition } from './bundle.ts';
import type { ServiceKey } from './name.ts';
import type { EffectivePolicy } from './policy.ts';

export type LinkKind = 'lan' | 'lte' | 'vps';
export type RuntimeKind = 'process' | 'compose';
export type Exposure = 'local-only' | 'tailscale-internal' | 'public';

/** `labels.role` came from `inventory/topology.yaml:4`, by `site home`. */
export interface Trace {
  /** What it set: `labels.role`, `env.TZ`, `policy.heal`, `size`. */
  readonly what: string;
  readonly value: string;
  /** `inventory/attachments.yaml:3`. */
  readonly at: string;
  /** The query, group, site or file through which it applies. */
  readonly by: string;
}

export interface FleetNode {
  readonly name: string;
  readonly site: string | null;
  readonly address: string | null;
  readonly aliases: readonly string[];
  readonly arch: string | null;
  readonly link: LinkKind;
  /** `edge` where an agent of ours runs, else the plugin that drives it (`ssh`). */
  readonly provider: string;
  readonly runtime: RuntimeKind;
  readonly roles: readonly ('hub' | 'edge')[];
  /** The site's and its own. */
  readonly labels: Readonly<Record<string, string>>;
  readonly policy: EffectivePolicy;
  readonly heartbeatMs: number;
  readonly silenceMs: number;
  readonly through: readonly Trace[];
}

export interface DesiredService {
  readonly key: ServiceKey;
  readonly node: string;
  readonly name: string;
  /** False: its health and absence are never drift. */
  readonly monitor: boolean;
  /** True: never deployed by us. */
  readonly observed: boolean;
  readonly exposure: Exposure;
  readonly size: string | null;
  readonly dependsOn: readonly string[];
  /** Its node's, and those of its services.yaml entry. What targets see. */
  readonly labels: Readonly<Record<string, string>>;
  readonly definition: Definition;
  readonly digest: string;
  readonly policy: EffectivePolicy;
  /** How long a run may take to be confirmed. */
  readonly verifyMs: number;
  /** 0 first: its place among the waves (dependencies before dependents, DNS and brokers before apps). */
  readonly wave: number;
  readonly through: readonly Trace[];
}

export interface IngressRule {
  readonly host: string;
  readonly service: string;
  readonly node: string;
  readonly via: string;
}

/** Fleet-wide settings of lab.yaml, with their defaults filled in. Durations in milliseconds. */
export interface Settings {
  readonly heartbeatMs: Readonly<Record<LinkKind, number>>;
  readonly silenceHeartbeats: number;
  readonly aloneAfterMs: Readonly<Record<LinkKind, number>>;
  readonly verifyMs: number;
  readonly timeoutMs: { readonly restart: number; readonly redeploy: number; readonly cleanup: number };
  readonly approvalExpiresMs: number;
  readonly rejectionMs: number;
  readonly backoff: { readonly firstMs: number; readonly maxMs: number };
  readonly flapping: { readonly proposals: number; readonly withinMs: number };
  readonly healPerHour: { readonly service: number; readonly node: number };
  readonly diskPressure: { readonly high: number; readonly normal: number };
  readonly retention: { readonly hubDays: number; readonly edgeBytes: number };
  /** Actions that may run at once across the fleet. */
  readonly parallel: number;
  readonly bulkHoldMs: number;
}

export interface GroupEntry {
  readonly groups?: readonly string[] | undefined;
  readonly match?: string | undefined;
  readonly except?: string | undefined;
}

/** One number of lab.yaml, for people. */
export interface SettingLine {
  readonly name: string;
  readonly value: string;
  /** `lab.yaml:12`, or `default`. */
  readonly from: string;
}

export interface Fleet {
  /** The Git commit where there is one, else `files-` and a content hash. A name to show; digests decide. */
  readonly revision: string;
  readonly hub: string;
  readonly nodes: ReadonlyMap<string, FleetNode>;
  readonly services: ReadonlyMap<ServiceKey, DesiredService>;
  /** Names of the services of each node, in order of waves and then of name. */
  readonly servicesOf: ReadonlyMap<string, readonly ServiceKey[]>;
  readonly groups: ReadonlyMap<string, ReadonlySet<string>>;
  /** The groups as they are written: what a query that names one needs. */
  readonly groupDefinitions?: ReadonlyMap<string, GroupEntry>;
  /** Old name -> name of today. */
  readonly aliases: ReadonlyMap<string, string>;
  readonly ingress: readonly IngressRule[];
  readonly settings: Settings;
  /** Every setting with where it came from, as `lab doctor` shows it. */
  readonly settingsTable?: readonly SettingLine[];
  /** Plugin id -> its config as written. */
  readonly plugins: ReadonlyMap<string, unknown>;
  /** Bundles by digest. */
  readonly bundles: ReadonlyMap<string, Bundle>;
  /** Warnings that do not stop it: movable tags, published ports … */
  readonly warnings: readonly string[];
}
