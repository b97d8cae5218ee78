/**
 * What was last shown to this user: for each pending action the proposal and the hash of its change. A bare `lab approve`
 * sends that, so that nobody approves what he has not seen. A note for the one who typed it, not a record: losing it costs a look.
 */
import { accessSync, constants, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ActionView } from '@lab/sdk/views/views';
import { stateDir } from './settings.ts';

export interface SeenAction {
  readonly ulid: string;
  readonly planHash: string;
  /** Instant. */
  readonly at: string;
  readonly from: string | null;
  readonly to: string | null;
}

const KEPT = 2_000;

export class Seen {
  readonly #root: string;
  readonly #env: Readonly<Record<string, string | undefined>>;
  #all: Map<string, SeenAction> | undefined;

  constructor(root: string, env: Readonly<Record<string, string | undefined>>) {
    this.#root = root;
    this.#env = env;
  }

  get(id: string): SeenAction | undefined {
    return this.#load().get(id);
  }

  /** Says that these were shown just now. */
  show(actions: readonly ActionView[], nowMs: number): void {
    const pending = actions.filter((action) => action.state === 'pending');
    if (pending.length === 0) return;
    // Read anew: `lab up` lives long, and other commands have shown things since.
    this.#all = undefined;
    const all = this.#load();
    const at = new Date(nowMs).toISOString();
    for (const { id, ulid, planHash, from, to } of pending) {
      all.delete(id);
      all.set(id, { ulid, planHash, at, from, to });
    }
    for (const id of all.keys()) {
      if (all.size <= KEPT) break;
      all.delete(id);
    }
    this.#save(all);
  }

  #load(): Map<string, SeenAction> {
    this.#all ??= new Map(entries(read(this.#path())));
    return this.#all;
  }

  /** Where it cannot be kept, the next approval asks: no reason to fail. */
  #save(all: ReadonlyMap<string, SeenAction>): void {
    const path = this.#path();
    const aside = `${path}.${process.pid}`;
    try {
      mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
      writeFileSync(aside, JSON.stringify(Object.fromEntries(all)), { mode: 0o600 });
      renameSync(aside, path);
    } catch {
      this.#all = new Map(all);
    }
  }

  #path(): string {
    const state = join(this.#root, 'state');
    const name = `seen-${process.getuid?.() ?? 0}.json`;
    if (writable(state)) return join(state, name);
    return join(stateDir(this.#env), name);
  }
}

function writable(dir: string): boolean {
  try {
    accessSync(dir, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function read(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

function entries(value: unknown): [string, SeenAction][] {
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).filter((entry): entry is [string, SeenAction] => {
    const seen: unknown = entry[1];
    return (
      seen !== null &&
      typeof seen === 'object' &&
      'ulid' in seen &&
      'planHash' in seen &&
      typeof seen.planHash === 'string'
    );
  });
}
