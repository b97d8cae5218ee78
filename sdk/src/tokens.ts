/** What the kernel offers to plugins. */
import type { Clock } from './clock.ts';
import type { Log } from './log.ts';
import type { Fact } from './model/event.ts';
import { token } from './token.ts';

export const CLOCK = token<Clock>('clock');
export const LOG = token<Log>('log');

/** Where an event of ours stands once it is on disk. */
export interface Emitted {
  readonly id: string;
  readonly seq: number;
}

/** Appends a fact to this node's log. Resolves once it is synced; rejects with `disk` where it cannot be, and then it is not said. */
export type Emit = (fact: Fact) => Promise<Emitted>;
export const EMIT = token<Emit>('emit');

/** Where a plugin on a node may keep things. All absolute. */
export interface NodePlace {
  readonly node: string;
  /** The runtime root of this node. */
  readonly root: string;
  /** Made for this plugin alone, outlives it. */
  readonly stateDir: string;
  /** `logs/`: one folder a service. */
  readonly logsDir: string;
  /** Changes at each boot of the machine; empty for a plugin of the hub role. */
  readonly bootId: string;
}
export const PLACE = token<NodePlace>('place');

/** The part of the disk port that a plugin needs: small files that survive a crash whole. */
export interface Store {
  /** Undefined where there is none. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** Whole or not at all, synced when it resolves. */
  replace(path: string, data: string): Promise<void>;
  remove(path: string): Promise<void>;
  list(dir: string): Promise<readonly string[]>;
}
export const STORE = token<Store>('store');
