/** How a plugin says what it is: the manifest is the value. */
import type { z } from 'zod';
import type { HealthSource } from './contracts/health-source.ts';
import type { ResourceApplier, ResourceType } from './contracts/resource-type.ts';
import type { ServiceProvider } from './contracts/service-provider.ts';
import type { EventType } from './model/event-type.ts';
import type { Resolved, Token } from './token.ts';

/** The major version of the contracts in this package; a plugin made for another is refused. */
export const SDK_VERSION = 1;

export type Role = 'hub' | 'edge';

/** What `setup` must return, by kind. */
export interface Contracts {
  provider: ServiceProvider;
  health: HealthSource;
}
export type PluginKind = keyof Contracts;

/** What any plugin may bring besides its contract. */
export interface Extras {
  readonly resources?: readonly ResourceType[];
  readonly appliers?: readonly ResourceApplier[];
}

export interface SetupContext<C, N extends Record<string, Token<unknown>>> {
  /** Parsed by the plugin's schema, defaults filled in. */
  readonly config: C;
  readonly services: Resolved<N>;
  /** Aborted when the plugin is to end; stop() is called after. */
  readonly signal: AbortSignal;
  /** Registers something to undo when the plugin's scope is disposed, last in first out. */
  readonly defer: (undo: () => void | Promise<void>) => void;
}

export interface PluginManifest<K extends PluginKind, S extends z.ZodType, N extends Record<string, Token<unknown>>> {
  /** `kind.name`, as `provider.process`; its folder is `provider-process`. */
  readonly id: `${K}.${string}`;
  readonly kind: K;
  readonly sdk: typeof SDK_VERSION;
  readonly roles: readonly Role[];
  readonly config: S;
  readonly needs: N;
  /** What it says it will touch: shown to people, not a sandbox. */
  readonly capabilities: readonly string[];
  /** Event types that it adds to the registry. */
  readonly events?: readonly EventType[];
  /** Wires and does no I/O; `start` does. */
  readonly setup: (context: SetupContext<z.output<S>, N>) => Contracts[K] & Extras;
}

/** A plugin whose types are no longer of interest. */
export interface Plugin {
  readonly id: string;
  readonly kind: PluginKind;
  readonly sdk: number;
  readonly roles: readonly Role[];
  readonly config: z.ZodType;
  readonly needs: Readonly<Record<string, Token<unknown>>>;
  readonly capabilities: readonly string[];
  readonly events?: readonly EventType[];
  setup(context: SetupContext<unknown, Record<string, Token<unknown>>>): Contracts[PluginKind] & Extras;
}

/** A `setup` that returns something else than its kind's contract does not compile. */
export function definePlugin<K extends PluginKind, S extends z.ZodType, N extends Record<string, Token<unknown>>>(
  manifest: PluginManifest<K, S, N>,
): Plugin & { readonly kind: K } {
  return manifest as unknown as Plugin & { readonly kind: K };
}
