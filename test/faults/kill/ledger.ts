/** What must not be lost, kept outside of the daemon: what its logs held when it died, what it acknowledged, what the test itself did. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Machine } from '../../e2e/machine.ts';
import { SERVICES } from './fleet.ts';

export interface Birth {
  readonly pid: number;
  readonly run: string;
  readonly instance: string;
  readonly at: number;
  /** When it was asked to end. */
  asked?: number;
}

export class Ledger {
  /** Ids of the events that stood in a node's log when the daemon died. */
  readonly said = new Set<string>();
  /** Ordinal to id, as the API has shown it. */
  readonly shown = new Map<number, string>();
  /** ULIDs whose approval was acknowledged. */
  readonly approved = new Set<string>();
  /** Marks in the files that were put into the inbox. */
  readonly posted = new Set<string>();
  /** Garbage that was put somewhere, by path. */
  readonly garbage = new Set<string>();
  /** worldHash as it was shown. */
  readonly hashes = new Set<string>();
  /** Pids that the test itself killed. */
  readonly killed = new Set<number>();
  /** Services that were made sick, from when on. */
  readonly sickened: { readonly service: string; readonly at: number }[] = [];
  acts = 0;

  /** Reads every node's log. */
  hear(machine: Machine): void {
    for (const id of saidIn(machine)) this.said.add(id);
  }
}

/** Ids of every whole line of every node's log. */
export function saidIn(machine: Machine): string[] {
  const ids: string[] = [];
  for (const root of nodeRoots(machine)) {
    const log = join(root, 'edge/log');
    if (!existsSync(log)) continue;
    for (const name of readdirSync(log, { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.jsonl')) continue;
      const lines = readFileSync(join(log, name), 'utf8').split('\n');
      // What has no newline was not written whole.
      for (const line of lines.slice(0, -1)) ids.push((JSON.parse(line) as { id: string }).id);
    }
  }
  return ids;
}

export function nodeRoots(machine: Machine): string[] {
  return [machine.root, join(machine.root, 'nodes/barn'), join(machine.root, 'nodes/mill')];
}

export function dataOf(machine: Machine, service: string): string {
  const [node = '', name = ''] = service.split('/');
  return join(node === 'hut' ? machine.root : join(machine.root, 'nodes', node), 'data', name);
}

/** The lives of each service, by its own ledger, in their order. */
export function births(machine: Machine): ReadonlyMap<string, readonly Birth[]> {
  return new Map(SERVICES.map((service) => [service, livesOf(join(dataOf(machine, service), 'ledger.jsonl'))]));
}

function livesOf(path: string): Birth[] {
  const lives: Birth[] = [];
  if (!existsSync(path)) return lives;
  for (const line of readFileSync(path, 'utf8').split('\n').slice(0, -1)) {
    const { what, ...life } = JSON.parse(line) as Birth & { what: string };
    if (what === 'born') lives.push(life);
    else {
      const asked = lives.find(({ instance }) => instance === life.instance);
      if (asked !== undefined) asked.asked = life.at;
    }
  }
  return lives;
}
