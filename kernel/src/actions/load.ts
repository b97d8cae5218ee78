/**
 * Reads the folders of actions at start: of two files of one proposal the furthest state wins, what is no action goes to
 * quarantine, a wrong name is put right, and what the audit intended is compared with what is there.
 *
 * A file that a person moved (in `approved/` without an approval, in `rejected/` or `cancelled/` without an outcome) is left where it
 * is for by-hand.ts: where the audit knows its proposal, that one counts as it was before.
 */
import { join } from 'node:path';
import type { AuditLine } from '@lab/sdk';
import {
  ACTION_STATES,
  type Action,
  type ActionState,
  LabError,
  messageOf,
  moveTo,
  type StatedAction,
  TERMINAL,
} from '@lab/sdk';
import { fileName, pathOf, rankOf, readAction, textOf } from './action-file.ts';
import type { StorePorts } from './store.ts';

interface Found {
  readonly action: Action;
  readonly state: ActionState;
  readonly path: string;
}

/** What the audit says of one proposal: the state that its last line meant, and the planHash it was proposed with. */
interface Told {
  readonly state: ActionState;
  readonly planHash: string | undefined;
}

export interface Loaded {
  readonly open: readonly StatedAction[];
  readonly past: readonly StatedAction[];
}

export async function loadActions(ports: StorePorts): Promise<Loaded> {
  const found: Found[] = [];
  const byHand: Found[] = [];
  for (const state of ACTION_STATES) {
    const folder = join(ports.dir, state);
    await ports.disk.makeDir(folder);
    for (const name of await ports.disk.list(folder)) {
      if (name.startsWith('.')) continue;
      const file = await readFound(ports, state, join(folder, name));
      if (file === undefined) continue;
      if (isByHand(file)) byHand.push(file);
      else if (!belongs(file)) await setAside(ports, file.path, `only lab moves a file into ${state}/`, file.action);
      else found.push(await named(ports, file, name));
    }
  }
  const won = await furthest(ports, found);
  const told = await readAudit(ports, new Set([...won, ...byHand].map((file) => file.action.ulid)));
  await addByHand(ports, won, byHand, told.known);
  await reconcile(ports, won, told);
  const stated = won.map((file): StatedAction => ({ ...file.action, state: file.state }));
  return {
    open: stated.filter((action) => !TERMINAL.has(action.state)),
    past: stated.filter((action) => TERMINAL.has(action.state)),
  };
}

async function readFound(ports: StorePorts, state: ActionState, path: string): Promise<Found | undefined> {
  const read = await readAction(ports.disk, path);
  if ('action' in read) return { action: read.action, state, path };
  if ('bad' in read) {
    if (read.folder) ports.log.warn('actions: a folder where a file belongs is left alone', { path });
    else await setAside(ports, path, read.bad, read.bytes);
  }
  return undefined;
}

function isByHand({ action, state }: Found): boolean {
  if (state === 'approved') return action.approval === undefined && action.outcome === undefined;
  return (state === 'rejected' || state === 'cancelled') && action.outcome === undefined;
}

/** Carries what the move into its folder adds. */
function belongs({ action, state }: Found): boolean {
  if (TERMINAL.has(state)) return action.outcome !== undefined;
  if (action.outcome !== undefined) return false;
  return (state === 'pending') === (action.approval === undefined);
}

/** The name says nothing; where it is wrong and the right one is free, it is put right. */
async function named(ports: StorePorts, file: Found, name: string): Promise<Found> {
  if (name === fileName(file.state, file.action.id, file.action.ulid)) return file;
  const path = pathOf(ports.dir, file.state, file.action);
  try {
    await ports.disk.move(file.path, path);
    ports.log.warn(`actions: ${file.state}/${name} is ${file.action.id}, and is called so now`);
    return { ...file, path };
  } catch (cause) {
    if (cause instanceof LabError && cause.code === 'conflict') return file;
    throw cause;
  }
}

async function furthest(ports: StorePorts, found: readonly Found[]): Promise<Found[]> {
  const ordered = [...found].sort(
    (a, b) =>
      rankOf(b.state) - rankOf(a.state) || (a.action.ulid < b.action.ulid ? 1 : -1) || (a.path < b.path ? -1 : 1),
  );
  const proposals = new Map<string, Found>();
  const openIds = new Map<string, Found>();
  for (const file of ordered) {
    const { id, ulid } = file.action;
    const winner = proposals.get(ulid);
    if (winner !== undefined) {
      if (winner.action.id === id && winner.action.planHash === file.action.planHash) {
        ports.log.warn(`actions: ${id} was in ${file.state}/ too; it is ${winner.state}`, { ulid });
        // An earlier life may have linked the winner and not synced its folder: made durable before the other one goes.
        await ports.disk.replace(winner.path, textOf(winner.action));
        await ports.disk.remove(file.path);
      } else
        await setAside(ports, file.path, `its ULID is that of ${winner.action.id} in ${winner.state}/`, file.action);
      continue;
    }
    const rival = TERMINAL.has(file.state) ? undefined : openIds.get(id);
    if (rival !== undefined) {
      await setAside(ports, file.path, `${id} is ${rival.state} as ${rival.action.ulid} already`, file.action);
      continue;
    }
    proposals.set(ulid, file);
    if (!TERMINAL.has(file.state)) openIds.set(id, file);
  }
  return [...proposals.values()];
}

/** A person's move while no daemon ran: the proposal counts as it was, and by-hand.ts takes the move up. */
async function addByHand(
  ports: StorePorts,
  won: Found[],
  byHand: readonly Found[],
  known: ReadonlyMap<string, Told>,
): Promise<void> {
  for (const file of byHand) {
    const { id, ulid, planHash } = file.action;
    const winner = won.find((other) => other.action.ulid === ulid);
    if (winner !== undefined) {
      if (TERMINAL.has(winner.state)) await ports.disk.remove(file.path);
      continue;
    }
    const told = known.get(ulid);
    const state: ActionState = file.action.approval === undefined ? 'pending' : 'approved';
    const free = !won.some((other) => other.action.id === id && !TERMINAL.has(other.state));
    if (free && told?.planHash === planHash && !TERMINAL.has(told.state)) won.push({ ...file, state });
  }
}

interface AuditSays {
  readonly known: ReadonlyMap<string, Told>;
  /** Proposals that should be open and have no file. */
  readonly ghosts: ReadonlyMap<string, AuditLine>;
}

async function readAudit(ports: StorePorts, ulids: ReadonlySet<string>): Promise<AuditSays> {
  const known = new Map<string, Told>();
  const ghosts = new Map<string, AuditLine>();
  for await (const line of ports.audit.lines()) {
    if (line.ulid === undefined) continue;
    const state = stateAfter(line);
    if (state === undefined) continue;
    if (ulids.has(line.ulid)) {
      if (state !== 'gone') known.set(line.ulid, { state, planHash: known.get(line.ulid)?.planHash ?? line.planHash });
    } else if (state === 'gone' || TERMINAL.has(state)) ghosts.delete(line.ulid);
    else ghosts.set(line.ulid, line);
  }
  return { known, ghosts };
}

function stateAfter(line: AuditLine): ActionState | 'gone' | undefined {
  if (line.what === 'propose') return 'pending';
  if (line.what === 'reconciled') {
    const word = line.note?.split(';')[0];
    return word === 'gone' ? word : ACTION_STATES.find((state) => state === word);
  }
  for (const state of ACTION_STATES) {
    const to = moveTo(state, line.what as Parameters<typeof moveTo>[1]);
    if (to !== undefined) return to;
  }
  return undefined;
}

async function reconcile(ports: StorePorts, won: readonly Found[], { known, ghosts }: AuditSays): Promise<void> {
  const lines: Promise<unknown>[] = [];
  const say = (action: { on: string; ulid?: string; planHash?: string }, note: string): void => {
    ports.log.warn(`actions: ${action.on}: ${note}`, { ulid: action.ulid });
    lines.push(ports.audit.append({ who: 'lab', via: 'start', what: 'reconciled', ...action, note }));
  };
  for (const { action, state } of won) {
    const told = known.get(action.ulid)?.state;
    if (told === state) continue;
    const about = { on: action.id, ulid: action.ulid, planHash: action.planHash };
    if (told === undefined) say(about, `${state}; no line told of it`);
    else if (rankOf(told) > rankOf(state)) say(about, `${state}; the move to ${told} was intended and did not happen`);
    else say(about, `${state}; no line told how it got there from ${told}`);
  }
  for (const line of ghosts.values()) {
    const { on, ulid, planHash } = line;
    const about = { on, ...(ulid === undefined ? {} : { ulid }), ...(planHash === undefined ? {} : { planHash }) };
    say(about, `gone; its last line is ${line.what}, and there is no file`);
  }
  await Promise.all(lines);
}

async function setAside(ports: StorePorts, path: string, reason: string, what: Uint8Array | Action): Promise<void> {
  const bytes = what instanceof Uint8Array ? what : new TextEncoder().encode(JSON.stringify(what, null, 2));
  ports.log.warn(`actions: ${path} goes to quarantine: ${reason}`);
  try {
    await ports.quarantine(path.slice(ports.dir.length + 1).replaceAll('/', '-'), bytes, reason);
    await ports.disk.remove(path);
  } catch (cause) {
    ports.log.error('actions: a file could not be put into quarantine', { path, reason: messageOf(cause) });
  }
}
