/**
 * Actions as files: `actions/<state>/<id>.json`, those that ended as `<id>@<ulid>.json`. The folder alone is the state.
 *
 * INVARIANTS: only moves of the table happen; each writes its audit line first, then the new file aside and links it, then
 * removes the old one, so that after a crash the furthest of two files is the truth; no file is rewritten in place; of two
 * concurrent moves of one id one wins and the other is told by whom; what is held here is what is on disk.
 * It does not decide: whether an approval is stale, or a window open, is its callers' to know.
 */
import {
  ACTION_STATES,
  type Action,
  type ActionState,
  type Approval,
  type Change,
  type Clock,
  instant,
  LabError,
  type Log,
  type Move,
  messageOf,
  moveTo,
  planHash,
  type StatedAction,
  TERMINAL,
} from '@lab/sdk';
import type { Disk } from '../disk/disk.ts';
import { fileName, pathOf, textOf } from './action-file.ts';
import type { Audit } from './audit.ts';
import { loadActions } from './load.ts';
import { alreadyThere, mustCarry, notFrom } from './refusals.ts';
import { Turns } from './turns.ts';

export interface Who {
  /** `operator@host`, `policy`, `lab`. */
  readonly by: string;
  /** `api`, `policy`, `file`, `command`, `lab`. */
  readonly via: string;
  readonly note?: string;
}

export interface Patch {
  readonly approval?: Approval;
  readonly outcome?: NonNullable<Action['outcome']>;
  readonly run?: string;
}

export interface Moved {
  readonly action: StatedAction;
  readonly move: Move | 'propose';
  readonly from: ActionState | null;
}

/** Where a person's hand left a file. */
export interface Placed {
  readonly folder: ActionState;
  readonly path: string;
}

export interface StorePorts {
  readonly disk: Disk;
  /** `<root>/actions`. */
  readonly dir: string;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly log: Log;
  /** Makes the ULID of a proposal. */
  readonly ulid: () => string;
  /** Keeps what could not be read, with the reason beside it. */
  readonly quarantine: (name: string, bytes: Uint8Array, reason: string) => Promise<void>;
  /** After each move, once it is durable. */
  readonly onMoved: (moved: Moved) => Promise<void>;
  /** Actions that ended, to keep; older files are removed. */
  readonly keep?: number;
}

const KEEP = 2_000;
/** Older ones are removed so many at a time, not one with each move. */
const PRUNE_BATCH = 32;

export class ActionStore {
  readonly #ports: StorePorts;
  readonly #open: Map<string, StatedAction>;
  /** By `id@ulid`. */
  readonly #past: Map<string, StatedAction>;
  /** By id: moved by a person's hand, and not yet taken as approved, rejected or cancelled. */
  readonly #placed = new Map<string, Placed>();
  readonly #turns = new Turns();
  /** Service to the id of its open action, from the moment in which that is being proposed. */
  readonly #ofService = new Map<string, string>();

  private constructor(ports: StorePorts, loaded: Awaited<ReturnType<typeof loadActions>>) {
    this.#ports = ports;
    this.#open = new Map(loaded.open.map((action) => [action.id, action]));
    this.#past = new Map(loaded.past.map((action) => [`${action.id}@${action.ulid}`, action]));
    for (const action of loaded.open) {
      const key = serviceOf(action);
      if (key !== undefined) this.#ofService.set(key, action.id);
    }
  }

  static async open(ports: StorePorts): Promise<ActionStore> {
    const store = new ActionStore(ports, await loadActions(ports));
    await store.#prune();
    return store;
  }

  /** A new proposal of a change, pending. `conflict` where one with its id is open; with `alone` also where another one of its service is. */
  propose(change: Change, who: Who, { alone = false } = {}): Promise<StatedAction> {
    return this.#turns.take(change.id, async () => {
      const before = this.#open.get(change.id);
      if (before !== undefined) throw alreadyThere(before);
      this.#claim(change, alone);
      try {
        return await this.#propose(change, who);
      } catch (cause) {
        this.#release(change);
        throw cause;
      }
    });
  }

  async #propose(change: Change, who: Who): Promise<StatedAction> {
    const { dir, clock, audit, ulid } = this.#ports;
    const made: Action = {
      ...change,
      ulid: ulid(),
      planHash: planHash(change),
      createdAt: instant(clock.now()),
    };
    await audit.append(lineOf(made, 'propose', who));
    await this.#create(pathOf(dir, 'pending', made), made);
    const action: StatedAction = { ...made, state: 'pending' };
    this.#open.set(action.id, action);
    await this.#tell({ action, move: 'propose', from: null });
    return action;
  }

  /**
   * Moves one proposal, and resolves once that is durable. `not_found`; `stale` where the id is another proposal's today;
   * `conflict` where the table has no such move from its state, or it is not in the state `seen` in which it was looked at (a move may
   * have come between the look and its turn), with what it is and by whom.
   */
  move(id: string, ulid: string, move: Move, patch: Patch, who: Who, seen?: ActionState): Promise<StatedAction> {
    return this.#turns.take(id, async () => {
      const before = this.#mustBe(id, ulid);
      const state = moveTo(before.state, move);
      if (state === undefined || (seen !== undefined && seen !== before.state)) throw notFrom(before, move);
      mustCarry(id, state, patch);
      const { disk, dir, audit } = this.#ports;
      const { state: from, ...fields } = before;
      const made: Action = { ...fields, ...patch };
      const old = pathOf(dir, from, before);
      const target = pathOf(dir, state, made);
      await audit.append(lineOf(made, move, who));
      const placed = this.#placed.get(id);
      if (placed?.folder === state) {
        // A person put the file there; by-hand.ts compared it with this proposal. The new one takes its place whole.
        await disk.replace(target, textOf(made));
        if (placed.path !== target) await disk.remove(placed.path);
        await disk.remove(old);
      } else if (Object.keys(patch).length === 0 && (await disk.stat(old)) !== undefined) {
        await disk.move(old, target);
      } else {
        await this.#create(target, made);
        await disk.remove(old).catch((cause: unknown) => {
          // The move has happened: the furthest file wins, and the next start removes this one.
          this.#ports.log.warn('actions: the old file of a move stayed', { id, reason: messageOf(cause) });
        });
      }
      this.#placed.delete(id);
      const action: StatedAction = { ...made, state };
      this.#open.delete(id);
      if (TERMINAL.has(state)) {
        this.#past.set(`${id}@${ulid}`, action);
        this.#release(action);
      } else this.#open.set(id, action);
      await this.#tell({ action, move, from });
      await this.#prune();
      return action;
    });
  }

  /** The open one of this id: pending, approved or running. */
  get(id: string): StatedAction | undefined {
    return this.#open.get(id);
  }

  find(id: string, ulid: string): StatedAction | undefined {
    const open = this.#open.get(id);
    return open?.ulid === ulid ? open : this.#past.get(`${id}@${ulid}`);
  }

  open(): StatedAction[] {
    return [...this.#open.values()].sort((a, b) => (a.ulid < b.ulid ? -1 : 1));
  }

  /** Newest proposal first. */
  list(states: readonly ActionState[] = ACTION_STATES, limit = Number.POSITIVE_INFINITY): StatedAction[] {
    const wanted = new Set(states);
    const all = [...this.#open.values(), ...this.#past.values()].filter((action) => wanted.has(action.state));
    return all.sort((a, b) => (a.ulid < b.ulid ? 1 : -1)).slice(0, limit);
  }

  counts(): Record<ActionState, number> {
    const counts = { pending: 0, approved: 0, running: 0, completed: 0, failed: 0, rejected: 0, cancelled: 0 };
    for (const action of this.#open.values()) counts[action.state] += 1;
    for (const action of this.#past.values()) counts[action.state] += 1;
    return counts;
  }

  /** Whether the file of this name in this folder is where the store put it. */
  owns(folder: ActionState, name: string): boolean {
    const [id = '', ulid] = name.replace(/\.json$/, '').split('@');
    const action = ulid === undefined ? this.#open.get(id) : this.#past.get(`${id}@${ulid}`);
    return action?.state === folder && fileName(folder, action.id, action.ulid) === name;
  }

  /** For by-hand.ts: work with no move of this id in between. It must not move anything itself. */
  alone<T>(id: string, work: () => Promise<T>): Promise<T> {
    return this.#turns.take(id, work);
  }

  /** For by-hand.ts: the file of this open proposal stands here now, by a person's hand; the move that follows takes its place. */
  place(id: string, placed: Placed): void {
    this.#placed.set(id, placed);
  }

  placed(id: string): boolean {
    return this.#placed.has(id);
  }

  /** For by-hand.ts: a file in `approved/` of a proposal that nobody made here, or not any more, ends as failed. */
  refuse(action: Action, path: string, reason: string): Promise<StatedAction> {
    return this.#turns.take(action.id, async () => {
      const who: Who = { by: 'lab', via: 'file', note: reason };
      const outcome = { at: instant(this.#ports.clock.now()), reason: 'stale', note: reason };
      const made: Action = { ...action, outcome };
      await this.#ports.audit.append(lineOf(made, 'fail', who));
      await this.#create(pathOf(this.#ports.dir, 'failed', made), made);
      await this.#ports.disk.remove(path);
      const failed: StatedAction = { ...made, state: 'failed' };
      this.#past.set(`${made.id}@${made.ulid}`, failed);
      await this.#tell({ action: failed, move: 'fail', from: 'approved' });
      await this.#prune();
      return failed;
    });
  }

  /** Before anything is written, so that of two at the same instant one is first. */
  #claim(change: Change, alone: boolean): void {
    const key = serviceOf(change);
    if (key === undefined) return;
    const rival = this.#ofService.get(key);
    const open = rival === undefined ? undefined : this.#open.get(rival);
    if (alone && open !== undefined) throw alreadyThere(open);
    if (alone && rival !== undefined)
      throw new LabError('conflict', `${rival} is being proposed for ${key}`, { at: key, hint: 'see it: lab actions' });
    this.#ofService.set(key, change.id);
  }

  #release(change: Pick<Change, 'id' | 'node' | 'service'>): void {
    const key = serviceOf(change);
    if (key !== undefined && this.#ofService.get(key) === change.id) this.#ofService.delete(key);
  }

  #mustBe(id: string, ulid: string): StatedAction {
    const open = this.#open.get(id);
    if (open?.ulid === ulid) return open;
    const past = this.#past.get(`${id}@${ulid}`);
    if (past !== undefined) return past;
    if (open !== undefined) {
      throw new LabError('stale', `${id} is another proposal now (${open.ulid}, ${open.state})`, {
        at: id,
        hint: `see it: lab show ${id}`,
      });
    }
    throw new LabError('not_found', `there is no action ${id} with ULID ${ulid}`, {
      at: id,
      hint: 'see what there is: lab actions',
    });
  }

  async #create(target: string, made: Action): Promise<void> {
    const { disk, log } = this.#ports;
    try {
      await disk.create(target, textOf(made));
    } catch (cause) {
      if (cause instanceof LabError && cause.code === 'conflict') {
        throw new LabError('conflict', `a file of ${made.id} is there already: somebody was first`, {
          at: target,
          hint: `see it: lab show ${made.id}`,
          cause,
        });
      }
      // It may have been linked and not synced: what was not acknowledged is taken back.
      await disk.remove(target).catch((again: unknown) => {
        log.warn('actions: a failed move could not be taken back', { path: target, reason: messageOf(again) });
      });
      throw cause;
    }
  }

  async #tell(moved: Moved): Promise<void> {
    try {
      await this.#ports.onMoved(moved);
    } catch (cause) {
      // The move stands: the folder is the state, whoever listens.
      this.#ports.log.error('actions: a move could not be told', {
        id: moved.action.id,
        move: moved.move,
        reason: messageOf(cause),
      });
    }
  }

  async #prune(): Promise<void> {
    const keep = this.#ports.keep ?? KEEP;
    if (this.#past.size < keep + PRUNE_BATCH) return;
    const oldest = [...this.#past.values()].sort((a, b) => (a.ulid < b.ulid ? -1 : 1));
    for (const action of oldest.slice(0, oldest.length - keep)) {
      try {
        await this.#ports.disk.remove(pathOf(this.#ports.dir, action.state, action));
      } catch (cause) {
        this.#ports.log.warn('actions: an old one could not be removed', { id: action.id, reason: messageOf(cause) });
      }
      this.#past.delete(`${action.id}@${action.ulid}`);
    }
  }
}

function serviceOf({ node, service }: Pick<Change, 'node' | 'service'>): string | undefined {
  return service === null ? undefined : `${node}/${service}`;
}

function lineOf(action: Action, what: string, who: Who): Parameters<Audit['append']>[0] {
  return {
    who: who.by,
    via: who.via,
    what,
    on: action.id,
    ulid: action.ulid,
    planHash: action.planHash,
    ...(who.note === undefined ? {} : { note: who.note }),
  };
}
