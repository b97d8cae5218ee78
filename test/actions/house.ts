/** What the tests of actions share: a change, ids that count up, and an open store on a machine of its own. */
import { Audit } from '@lab/kernel/actions/audit';
import { ActionStore, type Moved, type StorePorts } from '@lab/kernel/actions/store';
import type { Disk } from '@lab/kernel/disk/disk';
import type { Approval, Change, Move, StatedAction } from '@lab/sdk';
import { FakeClock, KeptLog } from '@lab/sdk/testing';

export function change(id = 'container-restart-piha-web', more: Partial<Change> = {}): Change {
  return {
    id,
    type: 'container_restart',
    resource: 'service',
    node: 'piha',
    service: 'web',
    class: 'heal',
    from: null,
    to: 'a'.repeat(64),
    parameters: {},
    risk: 'low',
    why: { rule: 'unhealthy_service', text: 'it is down', evidence: ['abc.h1'] },
    ...more,
  };
}

/** ULIDs that count up. */
export function counting(start = 0): () => string {
  let count = start;
  return () => `01K0000000${(++count).toString().padStart(16, '0')}`;
}

export const PAUL = { by: 'paul@saturn', via: 'api' };

export function approval(more: Partial<Approval> = {}): Approval {
  return {
    by: 'paul@saturn',
    via: 'api',
    at: '2026-01-01T00:00:00.000Z',
    expiresAt: '2026-01-02T00:00:00.000Z',
    ...more,
  };
}

export function patchFor(move: Move, reason = 'because') {
  const outcome = { at: '2026-01-01T00:00:01.000Z', reason };
  if (move === 'approve') return { approval: approval() };
  if (move === 'start') return { run: '01K00000000000000000000RUN' };
  return { outcome };
}

export interface House {
  readonly disk: Disk;
  readonly clock: FakeClock;
  readonly log: KeptLog;
  readonly audit: Audit;
  readonly store: ActionStore;
  readonly moved: Moved[];
  readonly quarantined: { name: string; bytes: Uint8Array; reason: string }[];
  readonly ports: StorePorts;
}

export const DIR = '/root/actions';

export async function openHouse(disk: Disk, ulid = counting(), keep?: number): Promise<House> {
  const clock = new FakeClock();
  const log = new KeptLog();
  const audit = await Audit.open({ disk, dir: '/root/audit', anchor: '/root/state/audit-anchor.json', clock, log });
  const moved: Moved[] = [];
  const quarantined: { name: string; bytes: Uint8Array; reason: string }[] = [];
  const ports: StorePorts = {
    disk,
    dir: DIR,
    audit,
    clock,
    log,
    ulid,
    quarantine: async (name, bytes, reason) => {
      quarantined.push({ name, bytes, reason });
    },
    onMoved: async (each) => {
      moved.push(each);
    },
    ...(keep === undefined ? {} : { keep }),
  };
  const store = await ActionStore.open(ports);
  return { disk, clock, log, audit, store, moved, quarantined, ports };
}

/** Moves one action along a path, each with what such a move carries. */
export async function walk(store: ActionStore, action: StatedAction, moves: readonly Move[]): Promise<StatedAction> {
  let now = action;
  for (const move of moves) now = await store.move(action.id, action.ulid, move, patchFor(move), PAUL);
  return now;
}
