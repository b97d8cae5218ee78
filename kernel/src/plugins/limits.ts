/**
 * How long the kernel lets a plugin take: one table over every member of every contract, total, so that a new member
 * without a rule does not compile.
 */
import type { Contracts, PluginKind, ResourceApplier } from '@lab/sdk';

export type Rule =
  /** Not a function: what the last life said. */
  | 'data'
  /** The host's own to call. */
  | 'life'
  /** Answers at once; the watchdog is its only limit. */
  | 'sync'
  /** An AsyncIterable that ends when its reader wants. */
  | 'stream'
  | { readonly deadlineMs: number }
  /** Bounded by the signal of its RunContext: that long after the abort it must have settled. */
  | { readonly graceMs: number };

export type Rules<C> = { readonly [M in keyof C]-?: Rule };

export const START_MS = 30_000;
export const STOP_MS = 10_000;

const ASK = { deadlineMs: 30_000 };
/** Stopping a service in order takes its own stop timeout, which people set. */
const RUN = { graceMs: 60_000 };

export const RULES: { readonly [K in PluginKind]: Rules<Contracts[K]> } = {
  provider: {
    runtime: 'data',
    sources: 'sync',
    start: 'life',
    stop: 'life',
    observe: { deadlineMs: 60_000 },
    preimage: ASK,
    trace: ASK,
    deploy: RUN,
    restart: RUN,
    halt: RUN,
    remove: RUN,
    cleanup: RUN,
    logs: 'stream',
    diagnose: ASK,
  },
  health: { source: 'data', covers: 'sync', start: 'life', stop: 'life', watch: 'sync', unwatch: 'sync' },
};

export const APPLIER_RULES: Rules<ResourceApplier> = {
  id: 'data',
  preimage: ASK,
  apply: RUN,
  trace: ASK,
  diagnose: ASK,
};
