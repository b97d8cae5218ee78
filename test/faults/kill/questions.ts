/** The five promises of durability.md, asked of the files that are left, with the ledger in hand. Each answers with what is wrong. */
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtInEvents } from '@lab/kernel/observer/events/built-in';
import { Fold } from '@lab/kernel/observer/fold';
import { World } from '@lab/kernel/observer/world';
import { type Action, type ActionClass, type JournalEvent, TERMINAL } from '@lab/sdk';
import { alive, type Machine } from '../../e2e/machine.ts';
import { ALWAYS } from './fleet.ts';
import { type Birth, births, type Ledger } from './ledger.ts';

const STATES = ['pending', 'approved', 'running', 'completed', 'failed', 'rejected', 'cancelled'] as const;

/** Every line that is there and whole, in order. */
export function journalOf(machine: Machine): JournalEvent[] {
  return globSync('events/[0-9]*/*.jsonl', { cwd: machine.root })
    .flatMap((path) => readFileSync(join(machine.root, path), 'latin1').split('\n'))
    .flatMap((line) => parsed(line) ?? [])
    .sort((a, b) => a.ord - b.ord);
}

function parsed(line: string): JournalEvent | undefined {
  if (!line.startsWith('{"ord":') || line.length > 1_000_000) return undefined;
  try {
    return JSON.parse(Buffer.from(line, 'latin1').toString()) as JournalEvent;
  } catch {
    return undefined;
  }
}

/** 1. Everything that was said, posted and shown stands once. */
export function unaccounted(machine: Machine, ledger: Ledger): string[] {
  const journal = journalOf(machine);
  const seen = new Map<string, number>();
  const marks = new Map<string, number>();
  const byOrd = new Map<number, string>();
  for (const { id, ord, type, data } of journal) {
    seen.set(id, (seen.get(id) ?? 0) + 1);
    byOrd.set(ord, id);
    if (type === 'yard_seen') marks.set(String(data.mark), (marks.get(String(data.mark)) ?? 0) + 1);
  }
  return [
    ...[...seen, ...marks].filter(([, times]) => times > 1).map(([id, times]) => `${id} stands ${times} times`),
    ...[...ledger.said].filter((id) => !seen.has(id)).map((id) => `${id} was said and is lost`),
    ...[...ledger.posted].filter((mark) => !marks.has(mark)).map((mark) => `${mark} was posted and is lost`),
    ...[...ledger.shown].filter(([ord, id]) => byOrd.get(ord) !== id).map(([ord, id]) => `${id} was shown as ${ord}`),
    ...(journal.length === byOrd.size ? [] : ['an ordinal stands twice']),
    ...journal.filter(({ ord }, index) => ord !== index + 1).map(({ ord }) => `ordinal ${ord} has no place`),
  ];
}

/** 2. No action ran twice; nothing that was well ended without a reason; nothing lives twice. */
export function repeated(machine: Machine, ledger: Ledger): string[] {
  const journal = journalOf(machine);
  const wrong: string[] = [];
  const runsOf = new Map<string, Set<string>>();
  const runs = new Map<string, { readonly ulid: string; readonly service: string; readonly at: number }>();
  const classes = new Map<string, { readonly cls: ActionClass; readonly at: number }>();
  for (const { type, data, node, service, at } of journal) {
    const ulid = String(data.ulid);
    if (type === 'action_proposed') classes.set(ulid, { cls: (data.change as Action).class, at: Date.parse(at) });
    if (type !== 'action_run_started') continue;
    runsOf.set(ulid, (runsOf.get(ulid) ?? new Set()).add(String(data.run)));
    runs.set(String(data.run), { ulid, service: `${node}/${service}`, at: Date.parse(at) });
  }
  for (const [ulid, of] of runsOf) if (of.size > 1) wrong.push(`${ulid} ran ${of.size} times`);
  for (const [service, lives] of births(machine)) {
    const byRun = Map.groupBy(lives, ({ run }) => run);
    for (const [run, made] of byRun) {
      if (!runs.has(run)) wrong.push(`${service} was started by ${run}, of which the journal knows nothing`);
      if (made.length > 1 && service !== ALWAYS) wrong.push(`${service} was started ${made.length} times by ${run}`);
    }
    for (const [index, life] of lives.entries()) {
      const next = lives[index + 1];
      const lives_ = alive(life.pid);
      if (lives_ && next !== undefined) wrong.push(`${service}: ${life.pid} lives beside ${next.pid}`);
      if (lives_ || ledger.killed.has(life.pid)) continue;
      if (!hadReason(service, life, next))
        wrong.push(`${service}: ${life.pid} ended without a reason (${JSON.stringify({ life, next })})`);
    }
  }
  return wrong;

  /**
   * Between its birth and the next one a person or a change asked for it, or a heal of what was sick. (One that was killed as it was
   * born may stand between the two and have no line.)
   */
  function hadReason(service: string, life: Birth, next: Birth | undefined): boolean {
    const bornBy = runs.get(life.run)?.at ?? 0;
    const until = next?.at ?? Number.POSITIVE_INFINITY;
    const between = [...runs.values()].filter((run) => run.service === service && run.at > bornBy && run.at <= until);
    return between.some(({ ulid }) => {
      const action = classes.get(ulid);
      if (action?.cls !== 'heal') return action !== undefined;
      // Its provider brought it back between the approval and the run: what a person approved is not taken back.
      if (service === ALWAYS && action.at <= life.at) return true;
      return ledger.sickened.some((sick) => sick.service === service && sick.at <= action.at);
    });
  }
}

/** 3. Every worldHash that was shown is that of an undisturbed replay, at some ordinal. */
export function otherWorlds(machine: Machine, ledger: Ledger): string[] {
  const fold = new Fold(new World(), builtInEvents());
  const hashes = new Set([fold.world.hash()]);
  for (const event of journalOf(machine)) {
    fold.apply(event);
    hashes.add(fold.world.hash());
  }
  return [...ledger.hashes].filter((hash) => !hashes.has(hash)).map((hash) => `${hash} is no hash of a replay`);
}

/** worldHash of an undisturbed replay of everything. */
export function replayedHash(machine: Machine): string {
  const fold = new Fold(new World(), builtInEvents());
  for (const event of journalOf(machine)) fold.apply(event);
  return fold.world.hash();
}

/** 4. What was approved is approved, or further, and stands in one folder. */
export function forgotten(machine: Machine, ledger: Ledger): string[] {
  const wrong: string[] = [];
  const folders = new Map<string, string[]>();
  for (const state of STATES) {
    // A dot in front: what was being written aside when the daemon died.
    for (const name of machine.folder(state).filter((one) => !one.startsWith('.'))) {
      const { ulid } = machine.file(state, name);
      folders.set(ulid, [...(folders.get(ulid) ?? []), state]);
    }
  }
  for (const [ulid, states] of folders) if (states.length > 1) wrong.push(`${ulid} stands in ${states.join(' and ')}`);
  const said = new Set(
    journalOf(machine).flatMap(({ type, data }) => (type === 'action_approved' ? String(data.ulid) : [])),
  );
  for (const ulid of ledger.approved) {
    const state = folders.get(ulid)?.[0];
    const further = state === 'approved' || state === 'running' || TERMINAL.has(state as Action['id'] as never);
    if (!further || !said.has(ulid)) wrong.push(`${ulid} was approved and is ${state ?? 'nowhere'}`);
  }
  return wrong;
}

/** 5. What could not be read is out of the way, and said. */
export function inTheWay(machine: Machine, ledger: Ledger): string[] {
  const held = existsSync(join(machine.root, 'quarantine')) ? readdirSync(join(machine.root, 'quarantine')) : [];
  return [...ledger.garbage].flatMap((path) => {
    if (existsSync(join(machine.root, path))) return [`${path} is still there`];
    const name = path.slice(path.lastIndexOf('/') + 1);
    return held.some((one) => one.includes(name) && one.endsWith('.reason'))
      ? []
      : [`${path} is gone without a reason`];
  });
}

/** What the daemon itself holds for its own fault. */
export function ownFaults(machine: Machine): string[] {
  return readFileSync(join(machine.root, 'logs/lab.log'), 'utf8')
    .split('\n')
    .filter((line) =>
      /the daemon failed|a turn of the loop failed|a chore failed|could not be (opened|folded)|run could not go on/.test(
        line,
      ),
    );
}
