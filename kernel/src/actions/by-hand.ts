/**
 * What people do to actions with `mv` and `rm`: noticed by looking, twice. A file counts once its inode, size and time stood still
 * between two scans and it parses.
 *
 * pending -> approved | rejected | cancelled, approved -> cancelled, and the removal of a file (a cancellation) are taken up through
 * `onHand`, the same path as the API's. An approval whose proposal or planHash is no longer the one that waits fails as stale.
 * What is no action goes to quarantine. A folder or a link to nowhere is left alone, and said once.
 */
import { join } from 'node:path';
import {
  ACTION_STATES,
  type Action,
  type ActionState,
  LabError,
  type Log,
  messageOf,
  moveTo,
  type StatedAction,
} from '@lab/sdk';
import type { Disk, FileStat } from '../disk/disk.ts';
import { pathOf, readAction, textOf } from './action-file.ts';
import { saysItIs } from './refusals.ts';
import type { ActionStore, Who } from './store.ts';

export type HandMove = 'approve' | 'reject' | 'cancel';

export interface Hand {
  readonly action: StatedAction;
  readonly move: HandMove;
  /** `file_moved` or `file_removed`. */
  readonly reason: string;
}

export interface ByHandPorts {
  readonly store: ActionStore;
  readonly disk: Disk;
  /** `<root>/actions`. */
  readonly dir: string;
  readonly log: Log;
  readonly clock: { now(): number };
  readonly quarantine: (name: string, bytes: Uint8Array, reason: string) => Promise<void>;
  /** Does what the API would do, by `file`: it ends with the store's move, or throws `stale` or `conflict`. */
  readonly onHand: (hand: Hand) => Promise<void>;
  /** Once for each file that was put aside or refused. */
  readonly onRefused: (path: string, reason: string) => Promise<void>;
}

const HAND: Who = { by: 'file', via: 'file' };
const HAND_MOVES: readonly HandMove[] = ['approve', 'reject', 'cancel'];
const FOLDER_MOVES: Partial<Record<ActionState, HandMove>> = {
  approved: 'approve',
  rejected: 'reject',
  cancelled: 'cancel',
};

export class ByHand {
  readonly #ports: ByHandPorts;
  /** Strange files of the last scan, by path: how they stood. */
  #seen = new Map<string, string>();
  /** Open actions whose file was not there in the last scan, by ULID. */
  #missing = new Set<string>();
  /** What was asked for by hand and is not through yet (a node has to confirm a cancellation): asked once. */
  readonly #asked = new Set<string>();
  /** Strange things that stay where they are; said already. */
  readonly #left = new Set<string>();

  constructor(ports: ByHandPorts) {
    this.#ports = ports;
  }

  /** One look at all folders. Call it every second or so, never two at once. */
  async scan(): Promise<void> {
    const { disk, dir, store } = this.#ports;
    const seen = new Map<string, string>();
    const present = new Set<string>();
    for (const folder of ACTION_STATES) {
      for (const name of await disk.list(join(dir, folder))) {
        const path = join(dir, folder, name);
        present.add(path);
        if (name.startsWith('.') || this.#left.has(path) || store.owns(folder, name)) continue;
        const stood = standing(await disk.stat(path));
        if (this.#seen.get(path) === stood) {
          if (await this.#guarded(path, () => this.#take(folder, name, path, stood))) continue;
        }
        seen.set(path, stood);
      }
    }
    this.#seen = seen;
    await this.#lookForMissing(present);
    for (const path of this.#left) if (!present.has(path)) this.#left.delete(path);
  }

  /** True when nothing is left to do about it. */
  async #guarded(path: string, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (cause) {
      this.#ports.log.warn('actions: a file moved by hand could not be taken up; the next look tries again', {
        path,
        reason: messageOf(cause),
      });
      return false;
    }
  }

  async #take(folder: ActionState, name: string, path: string, stood: string): Promise<void> {
    const { disk, store } = this.#ports;
    const read = await readAction(disk, path);
    if ('gone' in read) return stood === GONE ? this.#leave(path, 'a link to nowhere') : undefined;
    if ('bad' in read) return read.folder ? this.#leave(path, read.bad) : this.#setAside(path, read.bytes, read.bad);
    const { action } = read;
    const verdict = await store.alone(action.id, async () => {
      // A move of the store's own may have put it there since the listing, or a hand may be at it still.
      if (store.owns(folder, name) || standing(await disk.stat(path)) !== stood) return undefined;
      return this.#judge(folder, path, action);
    });
    await verdict?.();
  }

  /** What is to be done about an action that stands where the store did not put it. Runs while nothing moves that id. */
  async #judge(folder: ActionState, path: string, action: Action): Promise<(() => Promise<void>) | undefined> {
    const { store, disk, dir } = this.#ports;
    const known = store.find(action.id, action.ulid);
    const move = FOLDER_MOVES[folder];
    const bytes = new TextEncoder().encode(textOf(action));
    if (known?.state === folder) {
      // The store's own file under another name, or a copy of it.
      const { state: _state, ...fields } = known;
      const own = pathOf(dir, folder, known);
      if ((await disk.stat(own)) === undefined) await disk.create(own, textOf(fields));
      await disk.remove(path);
      return () => this.#ports.onRefused(path, `${known.id} is in ${folder}/ already`);
    }
    if (move === undefined) return () => this.#setAside(path, bytes, `only lab puts a file into ${folder}/`);
    if (known === undefined) {
      const reason = 'this proposal is not one that waits here';
      return move === 'approve' ? () => this.#refuse(action, path, reason) : () => this.#setAside(path, bytes, reason);
    }
    if (moveTo(known.state, move) === undefined) {
      return async () => {
        await disk.remove(path);
        await this.#ports.onRefused(path, `cannot ${move} ${known.id}: ${saysItIs(known)}`);
      };
    }
    store.place(known.id, { folder, path });
    if (move === 'approve' && known.planHash !== action.planHash) {
      return () => this.#fail(known, path, 'the file is not the change that waits');
    }
    return () => this.#hand({ action: known, move, reason: 'file_moved' }, path);
  }

  async #hand(hand: Hand, path: string): Promise<void> {
    const asked = askedKey(hand.action, hand.move);
    if (this.#asked.has(asked)) return;
    this.#asked.add(asked);
    try {
      await this.#ports.onHand(hand);
    } catch (cause) {
      this.#asked.delete(asked);
      if (!(cause instanceof LabError)) throw cause;
      if (cause.code === 'stale' && hand.move === 'approve') return this.#fail(hand.action, path, cause.message);
      // Somebody was first. If its file still stands where it does not belong, the next look finds that.
      if (cause.code !== 'conflict') throw cause;
      this.#ports.log.info('actions: a move by hand came second', { path, reason: cause.message });
    }
  }

  /** Approved by the folder that it is in, and failed at once: the table has no other way. */
  async #fail({ id, ulid }: StatedAction, path: string, reason: string): Promise<void> {
    const { store, clock } = this.#ports;
    const at = new Date(clock.now()).toISOString();
    await store.move(id, ulid, 'approve', { approval: { by: 'file', via: 'file', at, expiresAt: at } }, HAND);
    await store.move(
      id,
      ulid,
      'fail',
      { outcome: { at, reason: 'stale', note: reason } },
      { by: 'lab', via: 'file', note: reason },
    );
    await this.#ports.onRefused(path, reason);
  }

  async #refuse(action: Action, path: string, reason: string): Promise<void> {
    await this.#ports.store.refuse(action, path, reason);
    await this.#ports.onRefused(path, reason);
  }

  async #setAside(path: string, bytes: Uint8Array, reason: string): Promise<void> {
    const { disk, dir, quarantine, onRefused } = this.#ports;
    await quarantine(path.slice(dir.length + 1).replaceAll('/', '-'), bytes, reason);
    await disk.remove(path);
    await onRefused(path, reason);
  }

  async #leave(path: string, reason: string): Promise<void> {
    this.#left.add(path);
    await this.#ports.onRefused(path, `left alone: ${reason}`);
  }

  async #lookForMissing(present: ReadonlySet<string>): Promise<void> {
    const { store, disk, dir } = this.#ports;
    const missing = new Set<string>();
    for (const action of store.open()) {
      const path = pathOf(dir, action.state, action);
      const elsewhere = [...this.#seen.keys()].some((strange) => strange.endsWith(`/${action.id}.json`));
      if (present.has(path) || store.placed(action.id) || elsewhere) continue;
      if (!this.#missing.has(action.ulid)) {
        missing.add(action.ulid);
        continue;
      }
      await this.#guarded(path, async () => {
        const still = await store.alone(action.id, async () => {
          if (store.get(action.id)?.state !== action.state || (await disk.stat(path)) !== undefined) return false;
          // A run cannot be unmade by removing its file: it is put back.
          const { state, ...fields } = action;
          if (state === 'running') await disk.create(path, textOf(fields));
          return state !== 'running';
        });
        if (still) await this.#hand({ action, move: 'cancel', reason: 'file_removed' }, path);
      });
    }
    this.#missing = missing;
    const open = new Set(store.open().flatMap((action) => HAND_MOVES.map((move) => askedKey(action, move))));
    for (const asked of this.#asked) if (!open.has(asked)) this.#asked.delete(asked);
  }
}

function askedKey({ ulid, state }: StatedAction, move: HandMove): string {
  return `${ulid} ${state} ${move}`;
}

const GONE = 'gone';

function standing(stat: FileStat | undefined): string {
  return stat === undefined ? GONE : `${stat.inode} ${stat.size} ${stat.mtimeMs}`;
}
